-- The system tables. One text for both engines: TEXT, BIGINT, and nothing that differs, but for
-- the mark @clustered, which SQLite reads as WITHOUT ROWID. Instants are milliseconds since 1970
-- UTC, ids 24 hex digits, and columns named body, changes or names hold JSON.

CREATE TABLE meta (
  key TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) @clustered;

CREATE TABLE workspaces (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  catalog_number BIGINT NOT NULL,
  people_number BIGINT NOT NULL,
  created_at BIGINT NOT NULL
) @clustered;

-- Groups, projects, roles, datastores, fields, statuses and actions: a row each, read whole into
-- an immutable catalogue. position orders siblings; body is what the kind of definition needs.
CREATE TABLE definitions (
  id TEXT NOT NULL PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  parent_id TEXT NOT NULL,
  display_id TEXT NOT NULL,
  position BIGINT NOT NULL,
  body TEXT NOT NULL,
  deleted_at BIGINT
);
CREATE UNIQUE INDEX definitions_by_display_id
  ON definitions (workspace_id, kind, parent_id, display_id) WHERE deleted_at IS NULL;

CREATE TABLE users (
  id TEXT NOT NULL PRIMARY KEY,
  email TEXT,
  name TEXT NOT NULL,
  password_hash TEXT,
  is_bot BIGINT NOT NULL,
  current_workspace TEXT,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_by_email ON users (email);

CREATE TABLE members (
  workspace_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  is_admin BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, user_id)
) @clustered;
CREATE INDEX members_by_user ON members (user_id);

CREATE TABLE group_members (
  group_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  workspace_id TEXT NOT NULL,
  PRIMARY KEY (group_id, user_id)
) @clustered;
CREATE INDEX group_members_by_user ON group_members (user_id, workspace_id);

CREATE TABLE user_roles (
  role_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  workspace_id TEXT NOT NULL,
  PRIMARY KEY (role_id, user_id)
) @clustered;
CREATE INDEX user_roles_by_user ON user_roles (user_id, workspace_id);

CREATE TABLE group_roles (
  role_id TEXT NOT NULL,
  group_id TEXT NOT NULL,
  workspace_id TEXT NOT NULL,
  PRIMARY KEY (role_id, group_id)
) @clustered;
CREATE INDEX group_roles_by_workspace ON group_roles (workspace_id);

CREATE TABLE sessions (
  id TEXT NOT NULL PRIMARY KEY,
  user_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
) @clustered;
CREATE INDEX sessions_by_user ON sessions (user_id);

-- address_hash is BLAKE2b of the address as typed, in lower case.
CREATE TABLE login_failures (
  address_hash TEXT NOT NULL PRIMARY KEY,
  failures BIGINT NOT NULL,
  first_at BIGINT NOT NULL
) @clustered;

-- API tokens (kind api) and HotTask project keys (kind project), stored as hashes.
CREATE TABLE tokens (
  id TEXT NOT NULL PRIMARY KEY,
  hash TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  user_id TEXT NOT NULL,
  workspace_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  may_write BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  revoked_at BIGINT
) @clustered;
CREATE UNIQUE INDEX tokens_by_hash ON tokens (hash);

CREATE TABLE access_sets (
  acl BIGINT NOT NULL,
  key TEXT NOT NULL,
  PRIMARY KEY (acl, key)
) @clustered;
CREATE INDEX access_sets_by_key ON access_sets (key, acl);

CREATE TABLE links (
  from_item TEXT NOT NULL,
  to_item TEXT NOT NULL,
  kind TEXT NOT NULL,
  from_datastore TEXT NOT NULL,
  to_datastore TEXT NOT NULL,
  PRIMARY KEY (from_item, to_item, kind)
) @clustered;
CREATE INDEX links_by_target ON links (to_item);

CREATE TABLE histories (
  item_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  id TEXT NOT NULL,
  workspace_id TEXT NOT NULL,
  datastore_id TEXT NOT NULL,
  rev BIGINT NOT NULL,
  action_id TEXT NOT NULL,
  operation TEXT NOT NULL,
  user_id TEXT NOT NULL,
  comment TEXT NOT NULL,
  transaction_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  changes TEXT NOT NULL,
  PRIMARY KEY (item_id, seq)
);

-- Keyed by ids that grow with time, so that every group writes to the same last page. An item's
-- events are ordered by seq.
CREATE TABLE outbox (
  id TEXT NOT NULL PRIMARY KEY,
  item_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  workspace_id TEXT NOT NULL,
  datastore_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  body TEXT NOT NULL
) @clustered;

CREATE TABLE read_marks (
  user_id TEXT NOT NULL,
  item_id TEXT NOT NULL,
  upto BIGINT NOT NULL,
  PRIMARY KEY (user_id, item_id)
) @clustered;

-- branch is "-" for the numbers that items get on creation, else "+" and the branch key.
CREATE TABLE counters (
  field_id TEXT NOT NULL,
  branch TEXT NOT NULL,
  last BIGINT NOT NULL,
  PRIMARY KEY (field_id, branch)
) @clustered;

CREATE TABLE row_numbers (
  datastore_id TEXT NOT NULL PRIMARY KEY,
  last BIGINT NOT NULL
) @clustered;

-- The answer that was given to a request with an Idempotency-Key; key_hash is over actor, method,
-- path and key.
CREATE TABLE idempotency (
  key_hash TEXT NOT NULL PRIMARY KEY,
  body_hash TEXT NOT NULL,
  status BIGINT NOT NULL,
  answer TEXT NOT NULL,
  created_at BIGINT NOT NULL
) @clustered;

-- The last group that each writer committed: what a lost connection leaves unknown is found here.
CREATE TABLE commits (
  writer_id TEXT NOT NULL PRIMARY KEY,
  group_id TEXT NOT NULL
) @clustered;
