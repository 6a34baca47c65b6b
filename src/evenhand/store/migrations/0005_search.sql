-- Search: an index of the payloads' words, of the second kind. Nothing is kept here that a payload does not hold:
-- `upto` set to 0 and the index emptied, it is made again. The index itself is spelt by 0006, for each database.

CREATE TABLE search_project (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  slot BIGINT NOT NULL UNIQUE,  -- a number of the project's own, so that words of projects do not mix
  upto BIGINT NOT NULL,         -- tasks up to this number are in the index
  PRIMARY KEY (organization, project)
);
