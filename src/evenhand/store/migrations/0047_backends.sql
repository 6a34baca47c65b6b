-- Models that suggest answers: backends that speak Label Studio's protocol, and what they said. Of the second
-- kind: what a model annotator answers is an event of its own.

CREATE TABLE backend (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  id TEXT NOT NULL,
  url TEXT NOT NULL,
  title TEXT NOT NULL,
  token TEXT NOT NULL,         -- that the backend is given to read data with; "" for none
  counts BIGINT NOT NULL,      -- its predictions are annotations of a model annotator too
  interactive BIGINT NOT NULL, -- annotators may ask it in the middle of a task
  training BIGINT NOT NULL,    -- it is told of every annotation
  version TEXT NOT NULL,       -- of its model, as it said last
  state TEXT NOT NULL,         -- ready, predicting, failed
  reason TEXT NOT NULL,        -- why it failed
  place BIGINT NOT NULL,       -- number of the last task that it was asked about in this job; -1: its health is asked first
  total BIGINT NOT NULL,       -- tasks that it was asked about in this job
  predicted BIGINT NOT NULL,   -- of these, how many it said something of
  tries BIGINT NOT NULL,       -- in vain, since the last success
  next_ms BIGINT NOT NULL,     -- when to ask again
  created_ms BIGINT NOT NULL,
  PRIMARY KEY (organization, project, id)
);
CREATE UNIQUE INDEX backend_id ON backend (id);
CREATE INDEX backend_predicting ON backend (next_ms) WHERE state = 'predicting';

CREATE TABLE suggestion (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  task BIGINT NOT NULL,
  round BIGINT NOT NULL,
  backend TEXT NOT NULL,
  answers BYTEA NOT NULL,      -- JSON: question id -> answer
  score DOUBLE PRECISION,      -- 0 to 1, where the backend gave one
  version TEXT NOT NULL,       -- of its model
  PRIMARY KEY (organization, project, task, round, backend)
);
