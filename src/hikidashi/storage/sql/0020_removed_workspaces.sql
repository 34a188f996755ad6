-- Workspaces that were removed and can be had again for some days, and who was in them: the rows as
-- they were. What was in a workspace is deleted as any definition is.

CREATE TABLE removed_workspaces (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  catalog_number BIGINT NOT NULL,
  people_number BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  password_policy TEXT NOT NULL,
  session_timeout BIGINT,
  removed_at BIGINT NOT NULL
) @clustered;

CREATE TABLE removed_members (
  workspace_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  is_admin BIGINT NOT NULL,
  accepted BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, user_id)
) @clustered;
