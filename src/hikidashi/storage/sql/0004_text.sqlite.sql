-- What the search over all datastores looks at. `texts` is written to as if it were a table: a row
-- of what is known of a text, and its pairs of characters in an index that keeps nothing else.

CREATE TABLE text_rows (
  n INTEGER PRIMARY KEY,
  item_id TEXT NOT NULL,
  source TEXT NOT NULL,
  category TEXT NOT NULL,
  field_id TEXT NOT NULL,
  workspace_id TEXT NOT NULL,
  datastore_id TEXT NOT NULL,
  acl INTEGER NOT NULL
);
CREATE UNIQUE INDEX text_rows_by_item ON text_rows (item_id, source);

-- ascii: all that is not ASCII belongs to a token, so tokens are parted by our spaces alone.
CREATE VIRTUAL TABLE text_grams
  USING fts5 (grams, content = '', contentless_delete = 1, tokenize = 'ascii');

CREATE VIEW texts AS
  SELECT n, item_id, source, category, field_id, workspace_id, datastore_id, acl, '' AS grams
  FROM text_rows;
CREATE TRIGGER texts_insert INSTEAD OF INSERT ON texts BEGIN
  INSERT INTO text_rows (item_id, source, category, field_id, workspace_id, datastore_id, acl)
  VALUES (new.item_id, new.source, new.category, new.field_id, new.workspace_id,
    new.datastore_id, new.acl);
  INSERT INTO text_grams (rowid, grams)
  SELECT n, new.grams FROM text_rows WHERE item_id = new.item_id AND source = new.source;
END;
CREATE TRIGGER texts_update INSTEAD OF UPDATE ON texts BEGIN
  UPDATE text_rows SET acl = new.acl WHERE n = old.n;
END;
CREATE TRIGGER texts_delete INSTEAD OF DELETE ON texts BEGIN
  DELETE FROM text_grams WHERE rowid = old.n;
  DELETE FROM text_rows WHERE n = old.n;
END;
