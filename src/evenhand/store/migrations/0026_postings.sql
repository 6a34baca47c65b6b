-- Who may work on which project of a shared pool, by the project's own rules. Of the first kind: a fold of the events.

-- A client's project as the pool's stream names it.
CREATE TABLE posting (
  pool TEXT NOT NULL,
  project TEXT NOT NULL,
  posting TEXT NOT NULL,       -- pseudonym
  client TEXT NOT NULL,
  family TEXT NOT NULL,
  state TEXT NOT NULL,         -- open, closed
  test BIGINT NOT NULL,        -- 1: nobody works on it who was not admitted
  PRIMARY KEY (pool, project)
);
CREATE UNIQUE INDEX posting_name ON posting (posting);
CREATE INDEX posting_project ON posting (project) WHERE state = 'open';
CREATE INDEX posting_client ON posting (pool, client) WHERE state = 'open';
CREATE INDEX posting_test ON posting (pool, client) WHERE state = 'open' AND test = 1;

-- What the stream says last about a person; whoever is not here is admitted where there is no test.
CREATE TABLE admission (
  pool TEXT NOT NULL,
  person TEXT NOT NULL,
  posting TEXT NOT NULL,
  admitted BIGINT NOT NULL,
  PRIMARY KEY (pool, person, posting)
);
CREATE INDEX admission_posting ON admission (posting);
