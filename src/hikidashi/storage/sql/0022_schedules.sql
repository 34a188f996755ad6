-- When a schedule is due next. line is its cron line and time zone: a change of either sets next_at
-- anew.
CREATE TABLE schedule_clocks (
  schedule_id TEXT NOT NULL PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  line TEXT NOT NULL,
  next_at BIGINT NOT NULL
) @clustered;

-- Runs of schedules. state is waiting, running, done or failed. One that is waiting or running may be
-- claimed from claimed_until on; attempts tells one claim from the next. asked_by is the user who
-- asked for it, empty where it was due. Items up to row number upto are gone over; those up to reached
-- are done. faults is JSON.
CREATE TABLE schedule_runs (
  id TEXT NOT NULL PRIMARY KEY,
  schedule_id TEXT NOT NULL,
  workspace_id TEXT NOT NULL,
  due_at BIGINT NOT NULL,
  asked_by TEXT NOT NULL,
  state TEXT NOT NULL,
  claimed_until BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  started_at BIGINT,
  finished_at BIGINT,
  reached BIGINT NOT NULL,
  upto BIGINT,
  matched BIGINT NOT NULL,
  processed BIGINT NOT NULL,
  faults TEXT NOT NULL,
  failure TEXT NOT NULL
) @clustered;
CREATE UNIQUE INDEX schedule_runs_by_time ON schedule_runs (schedule_id, due_at, asked_by);
CREATE INDEX schedule_runs_open ON schedule_runs (schedule_id, due_at) WHERE finished_at IS NULL;
CREATE INDEX schedule_runs_by_age ON schedule_runs (due_at);

CREATE INDEX definitions_schedules ON definitions (workspace_id)
  WHERE kind = 'schedule' AND deleted_at IS NULL;
