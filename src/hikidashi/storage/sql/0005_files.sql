-- Uploaded files: what is known of them; their bytes lie in the object store under the id. n is the
-- file's number in its workspace, never given again. datastore_id, field_id and item_id say where a
-- file is attached, and before that what it was uploaded for; "" where that was not said.
-- deleted_at: no item holds it any more. dropped_at: nobody gets it any more, the bytes are going.
CREATE TABLE files (
  id TEXT NOT NULL PRIMARY KEY,
  n BIGINT NOT NULL,
  workspace_id TEXT NOT NULL,
  datastore_id TEXT NOT NULL,
  field_id TEXT NOT NULL,
  item_id TEXT NOT NULL,
  name TEXT NOT NULL,
  content_type TEXT NOT NULL,
  size BIGINT NOT NULL,
  sha256 TEXT NOT NULL,
  user_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  attached_at BIGINT,
  deleted_at BIGINT,
  dropped_at BIGINT
);
CREATE UNIQUE INDEX files_by_number ON files (workspace_id, n);
CREATE INDEX files_by_field ON files (field_id);
CREATE INDEX files_waiting ON files (created_at) WHERE attached_at IS NULL;
CREATE INDEX files_deleted ON files (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE file_numbers (
  workspace_id TEXT NOT NULL PRIMARY KEY,
  last BIGINT NOT NULL
) @clustered;
