-- Histories that belong to no action are comments: they may be edited, deleted, and posted quietly.

ALTER TABLE histories ADD COLUMN marks_unread BIGINT NOT NULL DEFAULT 1;
ALTER TABLE histories ADD COLUMN updated_at BIGINT;
ALTER TABLE histories ADD COLUMN updated_by TEXT;
ALTER TABLE histories ADD COLUMN deleted_at BIGINT;
CREATE UNIQUE INDEX comments_by_id ON histories (id) WHERE action_id = '';
