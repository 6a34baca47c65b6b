-- Adaptive overlap: what the newest weighing of all answers found. Made by a job, made again at will. Second kind.

CREATE TABLE adaptive (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  number BIGINT NOT NULL,     -- of weighings; 0: none yet
  version BIGINT NOT NULL,    -- of the project's rules, as it was
  tasks BIGINT NOT NULL,      -- number of the last task then
  annotations BIGINT NOT NULL,
  spent BIGINT NOT NULL,      -- 1: the budget is given out
  pilots BIGINT NOT NULL,
  place BIGINT NOT NULL,      -- n of the Fitted event in the project's stream
  as_of_ms BIGINT NOT NULL,
  body BYTEA NOT NULL,        -- service.adaptive.Stored
  PRIMARY KEY (organization, project)
) {rowless};
