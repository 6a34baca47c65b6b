-- Which acts must be signed, and statements that count once. Both of the first kind: a fold of the events.

CREATE TABLE signing_policy (
  n BIGINT PRIMARY KEY,        -- place in the stream "node"
  kinds TEXT NOT NULL,         -- of entries, separated by blanks
  since_ms BIGINT NOT NULL,
  whose TEXT NOT NULL          -- holders, everybody
);

-- Statements about acts that can be done again: a second entry with the same one would be a replay.
CREATE TABLE said (
  id TEXT PRIMARY KEY          -- hash of the statement
);
