-- What the search over all datastores looks at: texts as their pairs of characters, in order.

CREATE TABLE texts (
  n BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  item_id TEXT NOT NULL,
  source TEXT NOT NULL,
  category TEXT NOT NULL,
  field_id TEXT NOT NULL,
  workspace_id TEXT NOT NULL,
  datastore_id TEXT NOT NULL,
  acl BIGINT NOT NULL,
  grams TEXT NOT NULL
);
CREATE UNIQUE INDEX texts_by_item ON texts (item_id, source);

-- Each pair, and each character that one begins with followed by an asterisk.
CREATE FUNCTION hikidashi_grams(text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
  RETURN string_to_array($1, ' ')
    || ARRAY(SELECT DISTINCT left(one, 1) || '*' FROM unnest(string_to_array($1, ' ')) AS one);
CREATE INDEX texts_by_gram ON texts USING gin (hikidashi_grams(grams));
