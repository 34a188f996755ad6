-- Sets of access keys of items that an import under way has made: nobody sees those items before
-- the keys are in access_sets too.

CREATE TABLE staged_sets (
  acl BIGINT NOT NULL,
  key TEXT NOT NULL,
  job_id TEXT NOT NULL,
  datastore_id TEXT NOT NULL,
  PRIMARY KEY (acl, key)
) @clustered;
