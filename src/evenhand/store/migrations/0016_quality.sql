-- Figures of a project's quality as of a moment: made by a job, thrown away and made again at will. Second kind.

CREATE TABLE quality (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  state TEXT NOT NULL,       -- running, done, failed
  done BIGINT NOT NULL,      -- answers read so far
  total BIGINT NOT NULL,
  as_of_ms BIGINT NOT NULL,  -- of the figures in `body`; 0: none yet
  body BYTEA NOT NULL,       -- JSON: list of service.quality.Stored
  error TEXT NOT NULL,
  PRIMARY KEY (organization, project)
) {rowless};
