-- What finds a text anywhere in a field: the texts as they are compared, by row, with the access set
-- of their item, and an index of their pieces. The database keeps them in line with the items, and
-- only where a text changes: a new version of an item would cost an entry for each piece.
CREATE TABLE {index} (n BIGINT PRIMARY KEY, acl BIGINT NOT NULL, folded TEXT COLLATE "C" NOT NULL);

-- New rows are taken together: row by row they cost twice as much.
CREATE FUNCTION {index}_add() RETURNS trigger LANGUAGE plpgsql AS $add$
BEGIN
  INSERT INTO {index} (n, acl, folded)
    SELECT n, acl, hikidashi_fold({column}) FROM added WHERE {column} IS NOT NULL;
  RETURN NULL;
END
$add$;
CREATE TRIGGER {index}_insert AFTER INSERT ON {table} REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION {index}_add();

CREATE FUNCTION {index}_follow() RETURNS trigger LANGUAGE plpgsql AS $follow$
BEGIN
  IF TG_OP = 'DELETE' THEN
    DELETE FROM {index} WHERE n = old.n;
  ELSIF new.{column} IS NULL THEN
    DELETE FROM {index} WHERE n = new.n;
  ELSE
    INSERT INTO {index} AS known (n, acl, folded)
    VALUES (new.n, new.acl, hikidashi_fold(new.{column}))
    ON CONFLICT (n) DO UPDATE SET acl = excluded.acl, folded = excluded.folded;
  END IF;
  RETURN NULL;
END
$follow$;
CREATE TRIGGER {index}_update AFTER UPDATE OF {column}, acl ON {table} FOR EACH ROW
  WHEN (new.{column} IS DISTINCT FROM old.{column} OR new.acl <> old.acl)
  EXECUTE FUNCTION {index}_follow();
CREATE TRIGGER {index}_delete AFTER DELETE ON {table} FOR EACH ROW
  WHEN (old.{column} IS NOT NULL) EXECUTE FUNCTION {index}_follow();
