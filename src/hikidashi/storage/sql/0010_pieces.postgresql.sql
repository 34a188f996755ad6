-- The pieces of one to three characters that a text has: what an index of substrings holds.
CREATE FUNCTION hikidashi_pieces(text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
  RETURN string_to_array($1, NULL)
    || ARRAY(SELECT a || b FROM unnest(string_to_array($1, NULL),
      string_to_array(substr($1, 2), NULL)) AS of_two (a, b) WHERE b IS NOT NULL)
    || ARRAY(SELECT a || b || c FROM unnest(string_to_array($1, NULL),
      string_to_array(substr($1, 2), NULL), string_to_array(substr($1, 3), NULL))
      AS of_three (a, b, c) WHERE c IS NOT NULL);
