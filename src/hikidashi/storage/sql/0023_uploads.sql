-- Files that were announced: whoever shows the secret of the hash may send the bytes of the one that
-- bears the number n in its workspace. file_id is '' until they are there. A row goes when its user
-- reports the file, or an hour after the announcement.
CREATE TABLE uploads (
  hash TEXT NOT NULL PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  n BIGINT NOT NULL,
  project_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  file_id TEXT NOT NULL DEFAULT ''
) @clustered;
CREATE UNIQUE INDEX uploads_by_number ON uploads (workspace_id, n);
CREATE INDEX uploads_by_user ON uploads (user_id, created_at);
CREATE INDEX uploads_by_age ON uploads (created_at);
