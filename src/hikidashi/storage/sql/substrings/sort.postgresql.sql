-- What is not yet sorted into the index is looked through by each search: not much of it.
CREATE INDEX {index}_pieces ON {index} USING gin (hikidashi_pieces(folded))
  WITH (gin_pending_list_limit = 256)