-- What rows without external ids are known by, as they came in: one row for each group of an import, so that nothing
-- is put in at random places. `known` has those that came few at a time, and those that an import saw again.
CREATE TABLE digest_run (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  first BIGINT NOT NULL,     -- number of its first task
  digests BYTEA NOT NULL,    -- 16 bytes for each of its tasks in their order; zeros where there is none
  import TEXT NOT NULL,
  PRIMARY KEY (organization, project, first)
);
