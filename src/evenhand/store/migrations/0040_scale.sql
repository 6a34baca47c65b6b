-- What the front that speaks Scale's API keeps beside our own tables: names, unique ids, tags, callbacks.
-- All of the second kind: tasks that come in there are ordinary tasks, and what rules read is in events.
-- `test` is 1 for what test keys made: it never meets an annotator.

CREATE TABLE scale_project (
  organization TEXT NOT NULL,
  test BIGINT NOT NULL,
  name TEXT NOT NULL,
  id TEXT NOT NULL,
  type TEXT NOT NULL,        -- Scale's name of a task type
  versions BYTEA NOT NULL,   -- JSON list: parameters that its tasks take over, newest last
  staging BIGINT NOT NULL,   -- 1: its batches wait until they are finalized
  created_ms BIGINT NOT NULL,
  PRIMARY KEY (organization, test, name)
);

CREATE TABLE scale_batch (
  organization TEXT NOT NULL,
  test BIGINT NOT NULL,
  name TEXT NOT NULL,
  id TEXT NOT NULL,
  project TEXT NOT NULL,     -- name of the scale_project
  status TEXT NOT NULL,      -- staging, in_progress, paused, cancelled; completed follows from its tasks
  callback TEXT NOT NULL,
  called BIGINT NOT NULL,    -- 1: its completion was told
  metadata BYTEA NOT NULL,   -- JSON object
  priority BIGINT NOT NULL,  -- place in the list of priorities, from 1; 0: none
  groups BYTEA NOT NULL,     -- JSON list of names of scale_groups
  created_ms BIGINT NOT NULL,
  PRIMARY KEY (organization, test, name)
);

-- Tasks of one Scale project may differ in what they ask; those that ask the same share a project of ours.
CREATE TABLE scale_form (
  organization TEXT NOT NULL,
  digest TEXT NOT NULL,      -- of the Scale project's name and the questions
  scale_project TEXT NOT NULL,
  project TEXT NOT NULL,
  PRIMARY KEY (organization, digest)
);

CREATE TABLE scale_task (
  organization TEXT NOT NULL,
  id TEXT NOT NULL,          -- 24 hexadecimal digits that begin with the time: their order is that of creation
  test BIGINT NOT NULL,
  kind TEXT NOT NULL,        -- task, evaluation, training
  type TEXT NOT NULL,        -- Scale's name of a task type
  scale_project TEXT NOT NULL,
  batch TEXT NOT NULL,
  project TEXT NOT NULL,     -- ours; "" where there is no task of ours
  task BIGINT NOT NULL,      -- number in it; 0: not yet, or never
  status TEXT NOT NULL,      -- pending (held back), completed (by a test key), canceled, error; "": ask the task
  unique_id TEXT,
  tags BYTEA,                -- JSON list; NULL: never tagged
  metadata BYTEA NOT NULL,   -- JSON object
  callback TEXT NOT NULL,
  called BIGINT NOT NULL,    -- callback: 0 nothing told yet, 1 taken, 2 given up
  review TEXT NOT NULL,      -- accepted, fixed, commented, rejected; "": none
  comments TEXT NOT NULL,
  body BYTEA,                -- the record, where no payload of ours holds it
  response BYTEA,            -- JSON: made up for a test key, why there is an error, or what is expected
  created_ms BIGINT NOT NULL,
  updated_ms BIGINT NOT NULL,
  PRIMARY KEY (organization, id)
);
CREATE UNIQUE INDEX scale_task_unique ON scale_task (organization, test, unique_id) WHERE unique_id IS NOT NULL;
CREATE INDEX scale_task_project ON scale_task (organization, test, scale_project, id);
CREATE INDEX scale_task_batch ON scale_task (organization, test, batch, id);
CREATE INDEX scale_task_task ON scale_task (organization, project, task);

CREATE TABLE scale_tag (
  organization TEXT NOT NULL,
  id TEXT NOT NULL,          -- of the scale_task
  tag TEXT NOT NULL,
  PRIMARY KEY (organization, id, tag)
);

CREATE TABLE scale_file (
  organization TEXT NOT NULL,
  test BIGINT NOT NULL,
  id TEXT NOT NULL,
  sha256 TEXT NOT NULL,      -- of the medium
  name TEXT NOT NULL,
  reference_id TEXT,
  projects BYTEA NOT NULL,   -- JSON list of names
  metadata BYTEA NOT NULL,   -- JSON object
  created_ms BIGINT NOT NULL,
  PRIMARY KEY (organization, id)
);
CREATE UNIQUE INDEX scale_file_reference ON scale_file (organization, test, reference_id) WHERE reference_id IS NOT NULL;

CREATE TABLE scale_group (
  organization TEXT NOT NULL,
  test BIGINT NOT NULL,
  project TEXT NOT NULL,     -- name of the scale_project
  name TEXT NOT NULL,
  id TEXT NOT NULL,
  emails BYTEA NOT NULL,     -- JSON list
  PRIMARY KEY (organization, test, project, name)
);

CREATE TABLE scale_assigned (
  organization TEXT NOT NULL,
  test BIGINT NOT NULL,
  email TEXT NOT NULL,
  project TEXT NOT NULL,     -- name of the scale_project
  PRIMARY KEY (organization, test, email, project)
);
