-- A change of overlap or order reaches the tasks in pieces, so that nobody waits for a long write. First kind.

CREATE TABLE following (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  version BIGINT NOT NULL,   -- whose rules
  upto BIGINT NOT NULL,      -- tasks up to this number follow them
  last BIGINT NOT NULL,      -- the last task that was there when the version came; later ones follow anyway
  PRIMARY KEY (organization, project)
) {rowless};
