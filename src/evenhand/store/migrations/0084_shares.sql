-- Shares of projects for other nodes. `share`, `share_task` and `share_letter` are of the first kind; `letter_text`
-- is of the second: what was written stays here until the other node has taken it, or it is erased.

CREATE TABLE share (
  organization TEXT NOT NULL,
  id TEXT NOT NULL,          -- the same on both nodes
  project TEXT NOT NULL,     -- here; '' where an offer was declined
  side TEXT NOT NULL,        -- home: the tasks are ours; partner: we answer them
  plan BIGINT NOT NULL,      -- number in the project; 0 at the partner
  name TEXT NOT NULL,        -- the other node, in words
  vkey TEXT NOT NULL,        -- the other node's key
  record TEXT NOT NULL,      -- the partner's in the graph of ownership; '' where none is stated
  control BIGINT NOT NULL,   -- number of its control group in the plan
  tasks BIGINT NOT NULL,     -- planned; at the partner as many as were offered
  offered BIGINT NOT NULL,
  delivered BIGINT NOT NULL, -- answers that count
  state TEXT NOT NULL,       -- planned, offered, accepted, declined, recalled, deleted
  until_ms BIGINT NOT NULL,  -- of the newest offer
  sent BIGINT NOT NULL,      -- letters
  sent_last TEXT NOT NULL,   -- digest of the newest
  taken BIGINT NOT NULL,     -- letters of the other node
  taken_last TEXT NOT NULL,
  acked BIGINT NOT NULL,     -- own letters that the other node has taken, as far as is known
  PRIMARY KEY (organization, id)
);
CREATE INDEX share_id ON share (id);
CREATE INDEX share_project ON share (organization, project);

CREATE TABLE share_task (
  organization TEXT NOT NULL,
  share TEXT NOT NULL,
  n BIGINT NOT NULL,         -- number of the task at home
  slice BIGINT NOT NULL,
  place BIGINT NOT NULL,     -- where the slice stands in the project's stream; at the partner 0
  project TEXT NOT NULL,     -- here
  task BIGINT NOT NULL,      -- number of the task here
  state TEXT NOT NULL,       -- planned, offered, delivered, rejected
  PRIMARY KEY (organization, share, n)
);
CREATE INDEX share_task_task ON share_task (organization, project, task);
CREATE INDEX share_task_due ON share_task (organization, share, slice, state);

CREATE TABLE share_letter (
  organization TEXT NOT NULL,
  share TEXT NOT NULL,
  way TEXT NOT NULL,         -- sent, taken
  seq BIGINT NOT NULL,
  act TEXT NOT NULL,
  slice BIGINT NOT NULL,
  digest TEXT NOT NULL,
  PRIMARY KEY (organization, share, way, seq)
);

CREATE TABLE letter_text (
  organization TEXT NOT NULL,
  share TEXT NOT NULL,
  seq BIGINT NOT NULL,
  project TEXT NOT NULL,
  text TEXT NOT NULL,        -- what is signed
  rows BYTEA NOT NULL,
  PRIMARY KEY (organization, share, seq)
);
CREATE INDEX letter_text_project ON letter_text (organization, project);
