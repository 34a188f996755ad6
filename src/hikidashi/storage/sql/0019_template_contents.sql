-- A template with contents is a file: a zip as it is sent out, whose row in files stands at no item.
-- is_sent: it came from elsewhere, so what it says of who did what is nobody's word.
ALTER TABLE templates ADD COLUMN file_id TEXT NOT NULL DEFAULT '';
ALTER TABLE templates ADD COLUMN is_sent BIGINT NOT NULL DEFAULT 0;
