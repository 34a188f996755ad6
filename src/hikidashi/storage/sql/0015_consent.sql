-- Whether a user has come into the workspace, and was not only let in by somebody there: only then
-- its policy says what the user's password has to be.
ALTER TABLE members ADD COLUMN accepted BIGINT NOT NULL DEFAULT 1;

-- Whether the address is known to be the user's: a mail was answered, or the operator said so.
ALTER TABLE users ADD COLUMN is_proven BIGINT NOT NULL DEFAULT 1;
