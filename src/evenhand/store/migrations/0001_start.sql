-- The first schema. One text for both stores: {serial} and {rowless} are filled in by the dialect.
-- Tables of the first kind are a fold of the events, and `evenhand doctor` rebuilds them.
-- Tables of the second kind (credentials, drafts, imports, payloads, ...) are not.
-- Keys begin with the owner, so that the big tables can be distributed by organization.

-- ---- events ------------------------------------------------------------------------------------

-- Every event's entry as it stands in the ledger. seq orders commits; on PostgreSQL it may have gaps.
CREATE TABLE event (
  seq {serial},
  stream TEXT NOT NULL,
  n BIGINT NOT NULL,
  entry BYTEA NOT NULL,
  UNIQUE (stream, n)
);

-- What an event keeps to itself: private values, their salts, local ids (MessagePack, store/codec.py).
-- Erasing is rewriting or deleting a row here; every proof still holds.
CREATE TABLE opening (
  seq BIGINT PRIMARY KEY,
  organization TEXT NOT NULL,
  body BYTEA NOT NULL
);

CREATE TABLE stream (
  id TEXT PRIMARY KEY,
  n BIGINT NOT NULL,    -- the next event's number
  ms BIGINT NOT NULL    -- time of the newest event
) {rowless};

-- Which events got which leaves: events with last_seq of the row before < seq <= last_seq, in order of seq.
CREATE TABLE batch (
  first_leaf BIGINT PRIMARY KEY,
  last_seq BIGINT NOT NULL,
  count BIGINT NOT NULL
);

-- ---- first kind --------------------------------------------------------------------------------

CREATE TABLE organization (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  created_ms BIGINT NOT NULL
);

CREATE TABLE member (
  organization TEXT NOT NULL,
  id TEXT NOT NULL,
  person TEXT NOT NULL,
  role TEXT NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  created_ms BIGINT NOT NULL,
  PRIMARY KEY (organization, id)
);
CREATE UNIQUE INDEX member_person ON member (person, organization);
CREATE UNIQUE INDEX member_id ON member (id);

CREATE TABLE pool (
  id TEXT PRIMARY KEY,
  organization TEXT NOT NULL,
  virtual BIGINT NOT NULL    -- virtual time of its fair queue
);
CREATE INDEX pool_organization ON pool (organization);

CREATE TABLE project (
  organization TEXT NOT NULL,
  id TEXT NOT NULL,
  pool TEXT NOT NULL,
  seed BYTEA NOT NULL,
  state TEXT NOT NULL,
  version BIGINT NOT NULL,
  overlap BIGINT NOT NULL,
  created_ms BIGINT NOT NULL,
  changed_ms BIGINT NOT NULL,
  tag BIGINT NOT NULL,       -- start-time fair queue within the pool
  next_task BIGINT NOT NULL,
  tasks BIGINT NOT NULL,     -- all but withdrawn
  done BIGINT NOT NULL,
  withdrawn BIGINT NOT NULL,
  annotations BIGINT NOT NULL,
  surplus BIGINT NOT NULL,
  skipped BIGINT NOT NULL,
  flagged BIGINT NOT NULL,
  PRIMARY KEY (organization, id)
);
CREATE UNIQUE INDEX project_id ON project (id);
CREATE INDEX project_pool ON project (pool, state);

CREATE TABLE project_version (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  version BIGINT NOT NULL,
  document BYTEA NOT NULL,
  created_ms BIGINT NOT NULL,
  PRIMARY KEY (organization, project, version)
) {rowless};

CREATE TABLE task (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  n BIGINT NOT NULL,
  rank BIGINT NOT NULL,      -- place in the project's order
  status TEXT NOT NULL,      -- open, done, withdrawn
  free BIGINT NOT NULL,      -- slots that may be given out now; 0 unless open
  leased BIGINT NOT NULL,
  answered BIGINT NOT NULL,
  overlap BIGINT NOT NULL,
  round BIGINT NOT NULL,     -- also the revision of its data
  flagged BIGINT NOT NULL,
  priority BIGINT NOT NULL,
  created_ms BIGINT NOT NULL,
  changed_ms BIGINT NOT NULL,
  PRIMARY KEY (organization, project, n)
) {rowless};
CREATE INDEX task_free ON task (organization, project, rank) WHERE free > 0;
CREATE INDEX task_status ON task (organization, project, status, n) WHERE status <> 'open';
CREATE INDEX task_flagged ON task (organization, project, n) WHERE flagged > 0;

-- A reservation, and after `submit` the annotation that it became.
CREATE TABLE assignment (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  task BIGINT NOT NULL,
  id TEXT NOT NULL,
  round BIGINT NOT NULL,
  person TEXT NOT NULL,
  member TEXT NOT NULL,
  version BIGINT NOT NULL,
  pool TEXT NOT NULL,
  window_n BIGINT NOT NULL,  -- n of the Offered event in the pool's stream
  state TEXT NOT NULL,       -- live, submitted, surplus, skipped, lapsed, recalled
  opened_ms BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL,
  closed_ms BIGINT NOT NULL, -- 0 while live
  seq BIGINT NOT NULL,       -- the newest Submitted or Skipped event; 0 while live
  revision BIGINT NOT NULL,
  ms BIGINT NOT NULL,        -- active time; -1 when it was not told
  settled BIGINT NOT NULL,   -- 1: a window of the pool has named its end
  PRIMARY KEY (id)
);
CREATE UNIQUE INDEX assignment_task ON assignment (organization, project, task, round, person) WHERE state <> 'lapsed';
CREATE INDEX assignment_live ON assignment (person) WHERE state = 'live';
CREATE INDEX assignment_expiry ON assignment (pool, expires_ms) WHERE state = 'live';
CREATE INDEX assignment_unsettled ON assignment (pool) WHERE settled = 0 AND seq > 0;
CREATE INDEX assignment_mine ON assignment (person, closed_ms) WHERE seq > 0;

CREATE TABLE consensus (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  task BIGINT NOT NULL,
  value BYTEA NOT NULL,      -- JSON: question -> {value, confidence, method}
  PRIMARY KEY (organization, project, task)
) {rowless};

CREATE TABLE flag (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  task BIGINT NOT NULL,
  assignment TEXT NOT NULL,
  member TEXT NOT NULL,
  seq BIGINT NOT NULL,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (organization, project, task, assignment)
) {rowless};

-- Counters of one annotator in one project, and of one day.
CREATE TABLE tally (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  member TEXT NOT NULL,
  submitted BIGINT NOT NULL,
  skipped BIGINT NOT NULL,
  ms BIGINT NOT NULL,
  last_ms BIGINT NOT NULL,
  PRIMARY KEY (organization, project, member)
) {rowless};

CREATE TABLE day (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  day BIGINT NOT NULL,       -- days since 1970-01-01 UTC
  annotations BIGINT NOT NULL,
  PRIMARY KEY (organization, project, day)
) {rowless};

-- ---- second kind -------------------------------------------------------------------------------

-- The rows of TasksImported and TaskCorrected events: their openings, in a shape that reads fast.
CREATE TABLE payload (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  task BIGINT NOT NULL,
  round BIGINT NOT NULL,
  salt BYTEA NOT NULL,
  record BYTEA NOT NULL,     -- JSON object, as received
  mapping BYTEA NOT NULL,    -- JSON: key of the source -> key of the record; empty: as they are
  external_id TEXT,
  PRIMARY KEY (organization, project, task, round)
) {rowless};
CREATE INDEX payload_external ON payload (organization, project, external_id) WHERE external_id IS NOT NULL;

-- What a row is known by: digest of its external id, or of its bytes with the number of its occurrence.
CREATE TABLE known (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  key TEXT NOT NULL,
  task BIGINT NOT NULL,
  import TEXT NOT NULL,      -- the import that saw it last: a second sight in one import is a second occurrence
  PRIMARY KEY (organization, project, key)
) {rowless};

CREATE TABLE person (
  id TEXT PRIMARY KEY,
  home TEXT NOT NULL,        -- organization
  name TEXT NOT NULL,
  email TEXT,                -- lower case
  password TEXT,             -- argon2id
  subject TEXT,              -- OpenID Connect: issuer and sub
  operator BIGINT NOT NULL,
  created_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX person_email ON person (email) WHERE email IS NOT NULL;
CREATE UNIQUE INDEX person_subject ON person (subject) WHERE subject IS NOT NULL;

CREATE TABLE api_key (
  id TEXT PRIMARY KEY,
  hash BYTEA NOT NULL UNIQUE, -- SHA-256 of the key, which is 256 random bits
  prefix TEXT NOT NULL,
  organization TEXT NOT NULL,
  member TEXT NOT NULL,
  person TEXT NOT NULL,
  name TEXT NOT NULL,
  scopes TEXT NOT NULL,       -- separated by blanks
  created_ms BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL, -- 0: never
  used_ms BIGINT NOT NULL
);
CREATE INDEX api_key_person ON api_key (person);

CREATE TABLE session (
  hash BYTEA PRIMARY KEY,     -- SHA-256 of the cookie
  person TEXT NOT NULL,
  csrf TEXT NOT NULL,
  oidc BIGINT NOT NULL,
  created_ms BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL
);
CREATE INDEX session_person ON session (person);

CREATE TABLE invite (
  id TEXT PRIMARY KEY,
  hash BYTEA NOT NULL UNIQUE, -- SHA-256 of the token
  organization TEXT NOT NULL,
  purpose TEXT NOT NULL,      -- join, reset, signin
  role TEXT,
  person TEXT,                -- for reset and signin
  next TEXT NOT NULL,         -- where the page goes afterwards
  created_ms BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL,
  used_ms BIGINT NOT NULL     -- 0: not yet
);
CREATE INDEX invite_organization ON invite (organization, expires_ms);

CREATE TABLE draft (
  assignment TEXT PRIMARY KEY,
  answers BYTEA NOT NULL,
  at_ms BIGINT NOT NULL
);

CREATE TABLE import (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  settings BYTEA NOT NULL,    -- JSON: format, mapping, options
  state TEXT NOT NULL,        -- open, running, done, failed
  accepted BIGINT NOT NULL,
  present BIGINT NOT NULL,
  rejected BIGINT NOT NULL,
  rejections BYTEA NOT NULL,  -- JSON list, the first 1,000
  next_line BIGINT NOT NULL,
  received BIGINT NOT NULL,
  bytes BIGINT NOT NULL,      -- 0: not told
  error BYTEA,                -- JSON
  created_ms BIGINT NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX import_project ON import (organization, project, created_ms);

CREATE TABLE export (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  id TEXT NOT NULL,
  settings BYTEA NOT NULL,    -- JSON: format, since, options
  state TEXT NOT NULL,        -- running, done, failed
  written BIGINT NOT NULL,
  total BIGINT NOT NULL,
  upto_seq BIGINT NOT NULL,   -- the newest event that it took in
  files BYTEA NOT NULL,       -- JSON list of names
  error BYTEA,
  created_ms BIGINT NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX export_project ON export (organization, project, created_ms);

CREATE TABLE blob (
  organization TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  bytes BIGINT NOT NULL,
  type TEXT NOT NULL,
  width BIGINT NOT NULL,      -- pixels after EXIF orientation; 0: not an image
  height BIGINT NOT NULL,
  created_ms BIGINT NOT NULL,
  PRIMARY KEY (organization, sha256)
);

CREATE TABLE setting (
  name TEXT PRIMARY KEY,      -- "origin", ...
  value TEXT NOT NULL
);
