-- What is told to other programs. All of the second kind: a delivery is no event.

CREATE TABLE webhook (
  organization TEXT NOT NULL,
  id TEXT NOT NULL,
  url TEXT NOT NULL,
  secret TEXT NOT NULL,      -- with which messages are signed; kept, for it is needed each time
  kinds BYTEA NOT NULL,      -- JSON list; empty: all
  project TEXT NOT NULL,     -- "" for all of the organization
  created_ms BIGINT NOT NULL,
  PRIMARY KEY (organization, id)
);

-- Organizations whose events somebody wants to hear of, and how far they were read.
CREATE TABLE watch (
  organization TEXT PRIMARY KEY,
  seq BIGINT NOT NULL
);

CREATE TABLE delivery (
  organization TEXT NOT NULL,
  id TEXT NOT NULL,
  webhook TEXT NOT NULL,     -- "" for a callback of Scale's API
  kind TEXT NOT NULL,
  url TEXT NOT NULL,
  subject TEXT NOT NULL,     -- of a callback: the scale_task or scale_batch; its body is made when it is sent
  body BYTEA NOT NULL,
  state TEXT NOT NULL,       -- waiting, taken, given_up
  tries BIGINT NOT NULL,
  status BIGINT NOT NULL,    -- HTTP status of the last answer; 0: none came
  reason TEXT NOT NULL,
  next_ms BIGINT NOT NULL,
  created_ms BIGINT NOT NULL,
  PRIMARY KEY (organization, id)
);
CREATE INDEX delivery_due ON delivery (next_ms) WHERE state = 'waiting';
CREATE INDEX delivery_newest ON delivery (organization, created_ms, id);

-- The value that callbacks of Scale's API carry, so that whoever takes them knows where they come from.
CREATE TABLE scale_secret (
  organization TEXT PRIMARY KEY,
  value TEXT NOT NULL
);
