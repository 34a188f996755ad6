-- Ids of items that are not there yet, each kept for who asked for it (CreateNewItemID).
CREATE TABLE reserved_items (
  id TEXT NOT NULL PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  datastore_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  created_at BIGINT NOT NULL
) @clustered;
CREATE INDEX reserved_items_by_time ON reserved_items (created_at);
