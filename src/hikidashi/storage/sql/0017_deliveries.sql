-- What follows a write: an event on its way to one target, a webhook say, of one consumer; lane is
-- "consumer:target". state is waiting, done or parked. A waiting one may be tried from next_at on;
-- while is_claimed, that is when the claim ends. since is when the time for its tries began. In a
-- lane the waiting deliveries of an item go in the order of seq. event is JSON.
CREATE TABLE deliveries (
  id TEXT NOT NULL PRIMARY KEY,
  lane TEXT NOT NULL,
  item_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  event_id TEXT NOT NULL,
  workspace_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  since BIGINT NOT NULL,
  state TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  is_claimed BIGINT NOT NULL,
  next_at BIGINT NOT NULL,
  finished_at BIGINT,
  failure TEXT NOT NULL,
  event TEXT NOT NULL
) @clustered;
CREATE UNIQUE INDEX deliveries_by_event ON deliveries (lane, event_id);
CREATE INDEX deliveries_due ON deliveries (lane, next_at) WHERE state = 'waiting';
CREATE INDEX deliveries_in_order ON deliveries (item_id, lane, seq) WHERE state = 'waiting';
CREATE INDEX deliveries_finished ON deliveries (state, finished_at) WHERE state <> 'waiting';

-- What a consumer tells of a try, as JSON.
CREATE TABLE delivery_attempts (
  delivery_id TEXT NOT NULL,
  attempt BIGINT NOT NULL,
  at BIGINT NOT NULL,
  duration_ms BIGINT NOT NULL,
  failure TEXT NOT NULL,
  log TEXT NOT NULL,
  PRIMARY KEY (delivery_id, attempt)
) @clustered;

-- The events of an item are taken from the outbox together.
CREATE INDEX outbox_by_item ON outbox (item_id);
