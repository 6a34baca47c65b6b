-- On SQLite only INTEGER PRIMARY KEY is the row's own number; with BIGINT each opening had a second tree
-- for its key, and each commit wrote pages of both.
CREATE TABLE opening_ (
  seq {number},
  organization TEXT NOT NULL,
  body BYTEA NOT NULL
);
INSERT INTO opening_ (seq, organization, body) SELECT seq, organization, body FROM opening;
DROP TABLE opening;
ALTER TABLE opening_ RENAME TO opening;

-- Whether somebody was ever given a task is asked for each image, also when the lease has lapsed.
CREATE INDEX assignment_lapsed ON assignment (organization, project, task) WHERE state = 'lapsed';
