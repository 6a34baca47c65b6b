-- Origins of the ledger that this store has written for: a restore begins another one.
-- Commitments are made for an origin, and leaves count from 0 in each, so every event and batch has its epoch.

-- Events with after_seq < seq, up to the next epoch's, belong to it.
CREATE TABLE epoch (
  number BIGINT PRIMARY KEY,  -- from 1
  origin TEXT NOT NULL,
  after_seq BIGINT NOT NULL,
  checkpoint TEXT NOT NULL    -- the last known signed checkpoint of the epoch before; empty in the first
);
INSERT INTO epoch (number, origin, after_seq, checkpoint) SELECT 1, value, 0, '' FROM setting WHERE name = 'origin';
DELETE FROM setting WHERE name = 'origin';

-- The key of a table cannot be changed on SQLite, so the table is made again.
CREATE TABLE batch_before AS SELECT first_leaf, last_seq, count FROM batch;
DROP TABLE batch;
CREATE TABLE batch (
  epoch BIGINT NOT NULL,
  first_leaf BIGINT NOT NULL,
  last_seq BIGINT NOT NULL,
  count BIGINT NOT NULL,
  PRIMARY KEY (epoch, first_leaf)
);
CREATE UNIQUE INDEX batch_seq ON batch (last_seq);
INSERT INTO batch (epoch, first_leaf, last_seq, count) SELECT 1, first_leaf, last_seq, count FROM batch_before;
DROP TABLE batch_before;
