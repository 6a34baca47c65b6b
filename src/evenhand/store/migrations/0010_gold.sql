-- Tasks with known answers, who may work in which project, and tries at a qualification. First kind.

CREATE TABLE gold (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  task BIGINT NOT NULL,
  purpose TEXT NOT NULL,     -- gold, qualification; also the task's status
  answers BYTEA NOT NULL,    -- JSON: question -> right answer
  feedback TEXT NOT NULL,
  seq BIGINT NOT NULL,       -- the GoldMarked event
  PRIMARY KEY (organization, project, task)
) {rowless};

CREATE TABLE standing (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  member TEXT NOT NULL,
  state TEXT NOT NULL,       -- active, suspended
  reason TEXT NOT NULL,      -- why it is suspended
  qualified BIGINT NOT NULL,
  seen BIGINT NOT NULL,      -- answers of any kind when gold was last scored
  answered BIGINT NOT NULL,  -- gold
  correct BIGINT NOT NULL,
  base_answered BIGINT NOT NULL, -- the two counts when a suspension was lifted last
  base_correct BIGINT NOT NULL,
  changed_ms BIGINT NOT NULL,
  PRIMARY KEY (organization, project, member)
) {rowless};

CREATE TABLE test (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  member TEXT NOT NULL,
  attempt BIGINT NOT NULL,
  tasks BYTEA NOT NULL,      -- JSON list of numbers
  answered BIGINT NOT NULL,
  correct BIGINT NOT NULL,
  began_ms BIGINT NOT NULL,
  PRIMARY KEY (organization, project, member, attempt)
) {rowless};
