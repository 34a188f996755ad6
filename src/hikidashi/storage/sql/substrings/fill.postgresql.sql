-- The texts of some rows that are there already: those which no trigger has seen since. Nobody else
-- writes to the items meanwhile, or a row could be deleted between being read and being written.
LOCK TABLE {table} IN SHARE MODE;
INSERT INTO {index} (n, acl, folded)
  SELECT n, acl, hikidashi_fold({column}) FROM {table}
  WHERE n > {first} AND n <= {last} AND {column} IS NOT NULL
  ON CONFLICT (n) DO NOTHING;
