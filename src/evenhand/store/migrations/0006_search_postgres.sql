-- Each lexeme is "slot:word", so that a search in one project never walks through the words of another.

CREATE TABLE search (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  task BIGINT NOT NULL,
  words TSVECTOR,
  PRIMARY KEY (organization, project, task)
);
CREATE INDEX search_words ON search USING GIN (words);
