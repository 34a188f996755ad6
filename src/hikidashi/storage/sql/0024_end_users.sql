-- Who has signed up in a project: nobody of the workspace, and known nowhere else. address is the
-- address in the one spelling that is compared, email as it was typed. user_id is a row of users that
-- has no address: it holds name and password. n counts in the project.
CREATE TABLE end_users (
  project_id TEXT NOT NULL,
  address TEXT NOT NULL,
  user_id TEXT NOT NULL,
  workspace_id TEXT NOT NULL,
  n BIGINT NOT NULL,
  email TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, address)
) @clustered;
CREATE UNIQUE INDEX end_users_by_user ON end_users (user_id);
CREATE UNIQUE INDEX end_users_by_number ON end_users (project_id, n);

-- The number that the last end user of a project was given; locked while one is made.
CREATE TABLE end_user_numbers (
  project_id TEXT NOT NULL PRIMARY KEY,
  last BIGINT NOT NULL
) @clustered;

-- Their sessions, by hash of the token.
CREATE TABLE end_sessions (
  hash TEXT NOT NULL PRIMARY KEY,
  user_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
) @clustered;
CREATE INDEX end_sessions_by_user ON end_sessions (user_id);

-- Secrets of mails about a forgotten password, by hash; user_id is empty where nobody has the address.
CREATE TABLE end_resets (
  hash TEXT NOT NULL PRIMARY KEY,
  project_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  created_at BIGINT NOT NULL
) @clustered;
CREATE INDEX end_resets_by_project ON end_resets (project_id, created_at);

CREATE INDEX definitions_projects ON definitions (id)
  WHERE kind = 'project' AND deleted_at IS NULL;
