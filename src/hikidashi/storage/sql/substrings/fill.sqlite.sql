-- The texts of some rows that are there already: those which no trigger has seen since.
INSERT INTO {index} (n, acl, folded)
  SELECT n, acl, hikidashi_fold({column}) FROM {table}
  WHERE n > {first} AND n <= {last} AND {column} IS NOT NULL
  AND n NOT IN (SELECT n FROM {index} WHERE n > {first} AND n <= {last}) ORDER BY n;
INSERT INTO {index}_pieces (rowid, pieces)
  SELECT p, hikidashi_pieces(folded) FROM {index} WHERE p > {top};
