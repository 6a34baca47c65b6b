-- Windows of shared pools in two phases: what has been closed and is not drawn yet, and what draws depend on.
-- Both are a fold of events.

CREATE TABLE pool_closing (
  pool TEXT PRIMARY KEY,
  n BIGINT NOT NULL,           -- place of the first phase in the pool's stream
  seq BIGINT NOT NULL,         -- of its event: in which log it is
  at_ms BIGINT NOT NULL,
  leaf BYTEA NOT NULL,          -- hash of its entry
  candidates TEXT NOT NULL,
  round BIGINT NOT NULL,       -- of the drand chain; 0: none
  waiting BYTEA NOT NULL        -- JSON: person -> leases wanted
);

CREATE TABLE beacon (
  n BIGINT PRIMARY KEY,        -- in the node's stream
  document BYTEA NOT NULL       -- its public fields as JSON
);
