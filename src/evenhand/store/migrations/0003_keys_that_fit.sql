-- On SQLite only INTEGER PRIMARY KEY is the row's own number; with BIGINT each opening had a second tree
-- for its key, and each commit wrote pages of both.
CREATE TABLE opening_before AS SELECT seq, organization, body FROM opening;
DROP TABLE opening;
CREATE TABLE opening (
  seq {number},
  organization TEXT NOT NULL,
  body BYTEA NOT NULL
);
INSERT INTO opening (seq, organization, body) SELECT seq, organization, body FROM opening_before;
DROP TABLE opening_before;

-- Whether somebody was ever given a task is asked for each image, also when the lease has lapsed.
CREATE INDEX assignment_lapsed ON assignment (organization, project, task) WHERE state = 'lapsed';
