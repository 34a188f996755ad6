-- The pieces of a text, made in a third of the time: every second (third) place is marked, and the
-- text parted there; the same again from its next characters on. What is left over at an end is a
-- shorter piece, or nothing, which no search asks for.
CREATE OR REPLACE FUNCTION hikidashi_pieces(text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $pieces$
DECLARE
  mark CONSTANT text := E'\x01';
  marked CONSTANT text := E'\\1\x01';
BEGIN
  IF strpos($1, mark) > 0 THEN
    RETURN string_to_array($1, NULL)
      || ARRAY(SELECT substr($1, i, 2) FROM generate_series(1, length($1)) AS i)
      || ARRAY(SELECT substr($1, i, 3) FROM generate_series(1, length($1)) AS i);
  END IF;
  RETURN string_to_array($1, NULL)
    || string_to_array(regexp_replace($1, '(..)', marked, 'g'), mark)
    || string_to_array(regexp_replace(substr($1, 2), '(..)', marked, 'g'), mark)
    || string_to_array(regexp_replace($1, '(...)', marked, 'g'), mark)
    || string_to_array(regexp_replace(substr($1, 2), '(...)', marked, 'g'), mark)
    || string_to_array(regexp_replace(substr($1, 3), '(...)', marked, 'g'), mark);
END
$pieces$;

-- New rows are taken into the texts of a field together: row by row they cost twice as much.
DO $together$
DECLARE
  found record;
BEGIN
  FOR found IN
    SELECT t.tgrelid::regclass::text AS items, substr(t.tgname, 3, 24) AS field
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE t.tgname ~ '^s_[0-9a-f]{24}_insert$' AND c.relnamespace = current_schema()::regnamespace
  LOOP
    EXECUTE format('CREATE FUNCTION s_%1$s_add() RETURNS trigger LANGUAGE plpgsql AS $add$
      BEGIN
        INSERT INTO s_%1$s (n, acl, folded)
          SELECT n, acl, hikidashi_fold(f_%1$s) FROM added WHERE f_%1$s IS NOT NULL;
        RETURN NULL;
      END
      $add$', found.field);
    EXECUTE format('DROP TRIGGER s_%s_insert ON %s', found.field, found.items);
    EXECUTE format('CREATE TRIGGER s_%1$s_insert AFTER INSERT ON %2$s
      REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION s_%1$s_add()',
      found.field, found.items);
  END LOOP;
END
$together$;
