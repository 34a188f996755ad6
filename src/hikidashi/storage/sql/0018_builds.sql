-- What a change of definitions has left to be done behind it, in portions: kind is index (of a
-- field's values), values (calc fields and titles), texts (of the search over all datastores) or
-- empty (a column that is left over). It has come to the row number last of upto; position is the
-- order in which it is done.
CREATE TABLE builds (
  kind TEXT NOT NULL,
  datastore_id TEXT NOT NULL,
  part TEXT NOT NULL,
  workspace_id TEXT NOT NULL,
  position BIGINT NOT NULL,
  last BIGINT NOT NULL,
  upto BIGINT NOT NULL,
  job_id TEXT NOT NULL,
  PRIMARY KEY (kind, datastore_id, part)
) @clustered;
