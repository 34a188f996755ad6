-- Applications that were saved to be made again. body is a JSON object: an application in the keys
-- of a schema file, without ids and people. A template's id is that of the job that made it.
CREATE TABLE templates (
  id TEXT NOT NULL PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  name TEXT NOT NULL,
  category TEXT NOT NULL,
  description TEXT NOT NULL,
  body TEXT NOT NULL,
  created_at BIGINT NOT NULL
) @clustered;
CREATE INDEX templates_by_workspace ON templates (workspace_id, id);

-- The application that a job is about, where that is no datastore.
ALTER TABLE jobs ADD COLUMN project_id TEXT NOT NULL DEFAULT '';
CREATE INDEX jobs_by_user ON jobs (user_id, id);
