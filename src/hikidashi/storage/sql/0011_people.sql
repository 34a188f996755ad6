-- What a workspace asks of passwords; keys that are not there are at their defaults.
ALTER TABLE workspaces ADD COLUMN password_policy TEXT NOT NULL DEFAULT '{}';

-- A user of one workspace alone has that workspace's id in exclusive_workspace, "" is everyone else.
-- Users with a code log in by it, so several of them may share an address; nobody else may.
ALTER TABLE users ADD COLUMN exclusive_workspace TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN user_code TEXT;
DROP INDEX users_by_email;
CREATE UNIQUE INDEX users_by_email ON users (email, exclusive_workspace) WHERE user_code IS NULL;
CREATE UNIQUE INDEX users_by_code ON users (user_code, exclusive_workspace)
  WHERE user_code IS NOT NULL;

-- What somebody was sent, or given, to confirm with: a secret, of which the hash is kept. kind is
-- invitation; is_mailed says whether we mailed it or left that to whoever asked.
CREATE TABLE confirmations (
  hash TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  user_id TEXT NOT NULL,
  workspace_id TEXT NOT NULL,
  is_mailed BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  accessed_at BIGINT,
  used_at BIGINT
) @clustered;
CREATE INDEX confirmations_by_user ON confirmations (workspace_id, user_id);

-- Mails to be sent, written with what they tell of. sender is "" for the usual one, template "" for
-- the words that stand here.
CREATE TABLE mails (
  id TEXT NOT NULL PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  recipient TEXT NOT NULL,
  sender TEXT NOT NULL,
  template TEXT NOT NULL,
  subject TEXT NOT NULL,
  body TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  sent_at BIGINT
) @clustered;
CREATE INDEX mails_waiting ON mails (id) WHERE sent_at IS NULL;
