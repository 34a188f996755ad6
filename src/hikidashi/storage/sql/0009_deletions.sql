-- What was deleted of a design and can be had again for some days: a row for a definition, with all
-- that was in it, or for an option of a field. Its id is that of the definition or option. kept is a
-- JSON object: what has to come back besides the values, which stay where they are.

CREATE TABLE deletions (
  id TEXT NOT NULL PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  user_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  parent_id TEXT NOT NULL,
  name TEXT NOT NULL,
  kept TEXT NOT NULL
) @clustered;
CREATE INDEX deletions_by_workspace ON deletions (workspace_id, created_at);
CREATE INDEX deletions_by_time ON deletions (created_at);

-- The links from and to the items of deleted datastores.
CREATE TABLE deleted_links (
  from_item TEXT NOT NULL,
  to_item TEXT NOT NULL,
  kind TEXT NOT NULL,
  from_datastore TEXT NOT NULL,
  to_datastore TEXT NOT NULL,
  PRIMARY KEY (from_item, to_item, kind)
) @clustered;
