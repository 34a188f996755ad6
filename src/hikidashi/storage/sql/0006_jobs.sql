-- Work that goes on behind an answer, so far imports. state is running, done or failed; progress
-- counts what has been gone through; errors is a JSON array of {description, line}.

CREATE TABLE jobs (
  id TEXT NOT NULL PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  datastore_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  state TEXT NOT NULL,
  progress BIGINT NOT NULL,
  errors TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  touched_at BIGINT NOT NULL,
  finished_at BIGINT
) @clustered;
