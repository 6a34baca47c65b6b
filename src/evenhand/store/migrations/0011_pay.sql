-- Credited effort by annotator and rate, and statements of what is owed. First kind.

CREATE TABLE effort (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  member TEXT NOT NULL,
  rate TEXT NOT NULL,        -- currency:per:amount
  tasks BIGINT NOT NULL,
  ms BIGINT NOT NULL,
  PRIMARY KEY (organization, project, member, rate)
) {rowless};

CREATE TABLE statement (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  number BIGINT NOT NULL,
  member TEXT NOT NULL,
  currency TEXT NOT NULL,
  provider TEXT NOT NULL,    -- organization that the annotator belonged to
  tasks BIGINT NOT NULL,     -- since the statement before; also ms and amount
  ms BIGINT NOT NULL,
  amount BIGINT NOT NULL,    -- minor units
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (organization, project, number, member, currency)
) {rowless};
