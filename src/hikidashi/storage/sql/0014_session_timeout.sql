-- How long a session lasts after its last use, in seconds, where a user works in the workspace;
-- NULL: as long as usual.
ALTER TABLE workspaces ADD COLUMN session_timeout BIGINT;
