-- What finds a text anywhere in a field: the texts as they are compared, each with the row and the
-- access set of its item, and their pieces in an index that keeps nothing else. A changed text gets
-- a new number: what is written in ascending order is written together. The database keeps both in
-- line with the items, and only where a text changes.
CREATE TABLE {index} (
  p INTEGER PRIMARY KEY, n INTEGER NOT NULL UNIQUE, acl INTEGER NOT NULL, folded TEXT NOT NULL
);

-- ascii: all that is not ASCII belongs to a token, so tokens are parted by our spaces alone.
CREATE VIRTUAL TABLE {index}_pieces USING fts5
  (pieces, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii');

CREATE TRIGGER {index}_insert AFTER INSERT ON {table} WHEN new.{column} IS NOT NULL BEGIN
  INSERT INTO {index} (n, acl, folded) VALUES (new.n, new.acl, hikidashi_fold(new.{column}));
  INSERT INTO {index}_pieces (rowid, pieces)
  SELECT p, hikidashi_pieces(folded) FROM {index} WHERE n = new.n;
END;
CREATE TRIGGER {index}_update AFTER UPDATE OF {column} ON {table}
WHEN new.{column} IS NOT old.{column} BEGIN
  DELETE FROM {index}_pieces WHERE rowid = (SELECT p FROM {index} WHERE n = old.n);
  UPDATE {index} SET p = (SELECT max(p) + 1 FROM {index}), folded = hikidashi_fold(new.{column})
  WHERE n = old.n AND new.{column} IS NOT NULL;
  DELETE FROM {index} WHERE n = old.n AND new.{column} IS NULL;
  INSERT INTO {index} (n, acl, folded)
  SELECT new.n, new.acl, hikidashi_fold(new.{column})
  WHERE old.{column} IS NULL AND new.{column} IS NOT NULL;
  INSERT INTO {index}_pieces (rowid, pieces)
  SELECT p, hikidashi_pieces(folded) FROM {index} WHERE n = new.n;
END;
CREATE TRIGGER {index}_publish AFTER UPDATE OF acl ON {table} WHEN new.acl <> old.acl BEGIN
  UPDATE {index} SET acl = new.acl WHERE n = new.n;
END;
CREATE TRIGGER {index}_delete AFTER DELETE ON {table} WHEN old.{column} IS NOT NULL BEGIN
  DELETE FROM {index}_pieces WHERE rowid = (SELECT p FROM {index} WHERE n = old.n);
  DELETE FROM {index} WHERE n = old.n;
END;
