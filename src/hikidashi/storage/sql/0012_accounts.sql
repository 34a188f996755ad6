-- email is the address that is confirmed, "" where it is the user's; details (JSON) what is kept of
-- a registration until there is a user.
ALTER TABLE confirmations ADD COLUMN email TEXT NOT NULL DEFAULT '';
ALTER TABLE confirmations ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
CREATE INDEX confirmations_by_age ON confirmations (created_at);

-- due_at is when a mail may be tried next. One that went wrong too often, or was refused for good,
-- is parked. body is empty once a mail is sent, for it holds a secret.
ALTER TABLE mails ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mails ADD COLUMN due_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mails ADD COLUMN parked_at BIGINT;
ALTER TABLE mails ADD COLUMN failure TEXT NOT NULL DEFAULT '';
DROP INDEX mails_waiting;
CREATE INDEX mails_waiting ON mails (due_at) WHERE sent_at IS NULL AND parked_at IS NULL;
CREATE INDEX mails_by_recipient ON mails (recipient, created_at);

-- password_at is when the password was set; NULL: with the account. Hashes of earlier passwords are
-- kept for policies that forbid them to come again.
ALTER TABLE users ADD COLUMN password_at BIGINT;
ALTER TABLE users ADD COLUMN additional_info TEXT NOT NULL DEFAULT '{}';
CREATE TABLE old_passwords (
  user_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  password_hash TEXT NOT NULL,
  PRIMARY KEY (user_id, created_at, password_hash)
) @clustered;
