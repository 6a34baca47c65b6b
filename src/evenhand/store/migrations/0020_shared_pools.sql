-- Pools that several organizations share, and who owns whom. All of it is of the first kind: a fold of the events.

CREATE TABLE node_policy (
  n BIGINT PRIMARY KEY,        -- place in the stream "node"
  effective_from BIGINT NOT NULL,
  document BYTEA NOT NULL      -- JSON of the event's public fields
);

CREATE TABLE client (
  id TEXT PRIMARY KEY,         -- pseudonym
  organization TEXT NOT NULL,
  record TEXT NOT NULL,        -- in the graph of ownership; empty: none is stated
  public BIGINT NOT NULL,      -- 1: the log names the record
  rivals BYTEA NOT NULL        -- JSON array of records
);
CREATE UNIQUE INDEX client_organization ON client (organization);

CREATE TABLE entity (
  id TEXT PRIMARY KEY,         -- pseudonym
  organization TEXT NOT NULL,  -- empty for an operator that is none
  record TEXT NOT NULL,
  role TEXT NOT NULL           -- operator, provider, client
);
CREATE INDEX entity_organization ON entity (organization);

-- The newest statement of each record.
CREATE TABLE ownership (
  record TEXT PRIMARY KEY,     -- pseudonym
  source TEXT NOT NULL,        -- recordId of BODS
  type TEXT NOT NULL,
  status TEXT NOT NULL,
  n BIGINT NOT NULL,           -- place in the stream "node"
  ms BIGINT NOT NULL,
  effective BIGINT NOT NULL,
  document BYTEA NOT NULL,     -- JSON of the event's public fields
  statement BYTEA NOT NULL     -- JSON as received
);
CREATE UNIQUE INDEX ownership_source ON ownership (source);

CREATE TABLE shared_pool (
  id TEXT PRIMARY KEY,
  language TEXT NOT NULL,
  band BIGINT NOT NULL,
  qualification TEXT NOT NULL,
  virtual BIGINT NOT NULL
);

CREATE TABLE pool_policy (
  pool TEXT NOT NULL,
  n BIGINT NOT NULL,           -- place in the pool's stream
  effective_from BIGINT NOT NULL,
  document BYTEA NOT NULL,     -- JSON of the event's public fields
  PRIMARY KEY (pool, n)
);

CREATE TABLE pool_client (
  pool TEXT NOT NULL,
  client TEXT NOT NULL,
  organization TEXT NOT NULL,
  state TEXT NOT NULL,         -- active, left
  band BIGINT NOT NULL,
  exposure BIGINT NOT NULL,
  tag BIGINT NOT NULL,
  backlogged BIGINT NOT NULL,
  PRIMARY KEY (pool, client)
);
CREATE INDEX pool_client_organization ON pool_client (organization);

CREATE TABLE enrolment (
  pool TEXT NOT NULL,
  person TEXT NOT NULL,
  entity TEXT NOT NULL,
  member TEXT NOT NULL,        -- of the provider
  state TEXT NOT NULL,         -- active, ended
  band BIGINT NOT NULL,
  languages TEXT NOT NULL,     -- separated by blanks
  qualifications TEXT NOT NULL,
  available BIGINT NOT NULL,
  suspended BIGINT NOT NULL,
  idle BIGINT NOT NULL,
  PRIMARY KEY (pool, person)
);
CREATE INDEX enrolment_person ON enrolment (person);
CREATE INDEX enrolment_entity ON enrolment (entity, pool);

-- The newest verdict of each pair; a pair that is not here has grade 0.
CREATE TABLE conflict (
  pool TEXT NOT NULL,
  client TEXT NOT NULL,
  entity TEXT NOT NULL,
  grade BIGINT NOT NULL,
  rival BIGINT NOT NULL,
  blocked BIGINT NOT NULL,
  path BYTEA NOT NULL,         -- JSON: what led to it
  n BIGINT NOT NULL,
  ms BIGINT NOT NULL,
  PRIMARY KEY (pool, client, entity)
);

CREATE TABLE waiver (
  pool TEXT NOT NULL,
  client TEXT NOT NULL,
  entity TEXT NOT NULL,
  state TEXT NOT NULL,         -- given, withdrawn
  PRIMARY KEY (pool, client, entity)
);

-- How many leases of a client an entity has got.
CREATE TABLE exposure (
  pool TEXT NOT NULL,
  client TEXT NOT NULL,
  entity TEXT NOT NULL,
  leases BIGINT NOT NULL,
  PRIMARY KEY (pool, client, entity)
);

-- What a lease was given for.
CREATE TABLE shared_lease (
  id TEXT PRIMARY KEY,         -- of the assignment
  pool TEXT NOT NULL,
  client TEXT NOT NULL,
  entity TEXT NOT NULL,
  person TEXT NOT NULL,
  project TEXT NOT NULL,
  family TEXT NOT NULL,
  price BIGINT NOT NULL,
  charge BIGINT NOT NULL,
  weight BIGINT NOT NULL,
  state TEXT NOT NULL          -- live, lapsed, over: as the windows of the pool have it
);
CREATE INDEX shared_lease_person ON shared_lease (person, project);
CREATE INDEX shared_lease_live ON shared_lease (pool, client, entity) WHERE state = 'live';

-- A client's pseudonyms for the annotators of shared pools.
CREATE TABLE lent (
  organization TEXT NOT NULL,
  person TEXT NOT NULL,
  member TEXT NOT NULL,
  PRIMARY KEY (organization, person)
);
CREATE UNIQUE INDEX lent_member ON lent (member);

-- Projects in shared pools.
CREATE TABLE pooled (
  project TEXT PRIMARY KEY,
  client TEXT NOT NULL,
  pool TEXT NOT NULL,
  family TEXT NOT NULL,
  leases BIGINT NOT NULL       -- so far, beside the client's other projects there
);
CREATE INDEX pooled_client ON pooled (pool, client);

-- What officers did by their own signatures; a text serves once.
CREATE TABLE override_done (
  pool TEXT NOT NULL,
  n BIGINT NOT NULL,
  act TEXT NOT NULL,
  subject TEXT NOT NULL,
  reason TEXT NOT NULL,
  at_ms BIGINT NOT NULL,       -- in the text that was signed
  PRIMARY KEY (pool, n)
);
