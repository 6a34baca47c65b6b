-- Projects that come back out of archives: the job, while it receives, reads and has ended. Of the second kind.

CREATE TABLE restore (
  organization TEXT NOT NULL,
  id TEXT NOT NULL,
  name TEXT,                 -- of the project to make; NULL: its name in the archive
  state TEXT NOT NULL,       -- open, running, done, failed
  bytes BIGINT NOT NULL,     -- of the archive
  received BIGINT NOT NULL,
  events BIGINT NOT NULL,    -- of the archive's history
  replayed BIGINT NOT NULL,  -- of these, so far
  project TEXT,              -- once it is made
  report BYTEA,              -- JSON, when done
  error BYTEA,               -- JSON, when failed
  created_ms BIGINT NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX restore_organization ON restore (organization, created_ms);
CREATE INDEX restore_project ON restore (project) WHERE state = 'running';
