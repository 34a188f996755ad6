-- Every change of definitions, people and grants: a row each, in the transaction that makes it.
-- user_id is "" for the command line; via is api, schema or cli; before and after are JSON objects,
-- null before there was anything and after there is nothing. No secret and no hash stands in them.

CREATE TABLE audit (
  id TEXT NOT NULL PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  user_id TEXT NOT NULL,
  via TEXT NOT NULL,
  kind TEXT NOT NULL,
  target_id TEXT NOT NULL,
  name TEXT NOT NULL,
  before TEXT,
  after TEXT
) @clustered;
CREATE INDEX audit_by_workspace ON audit (workspace_id, id);
