-- What processes over one database tell each other for those who listen to live events. A process
-- is in listening_processes while somebody listens to it. Events that are taken from the outbox
-- meanwhile, and notes, are there for a minute.
CREATE TABLE listening_processes (
  id TEXT NOT NULL PRIMARY KEY,
  until BIGINT NOT NULL
) @clustered;

CREATE TABLE live_events (
  id TEXT NOT NULL PRIMARY KEY,
  item_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  workspace_id TEXT NOT NULL,
  datastore_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  body TEXT NOT NULL,
  kept_at BIGINT NOT NULL
) @clustered;
CREATE INDEX live_events_by_time ON live_events (kept_at);

CREATE TABLE live_notes (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  user_id TEXT NOT NULL,
  place_id TEXT NOT NULL,
  item_id TEXT NOT NULL,
  line TEXT NOT NULL,
  kept_at BIGINT NOT NULL
) @clustered;
CREATE INDEX live_notes_by_time ON live_notes (kept_at);
