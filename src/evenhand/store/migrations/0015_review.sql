-- Review: tasks that wait for a reviewer, reviews, what they say of each annotation, appeals. All of the first kind.

CREATE TABLE review_due (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  task BIGINT NOT NULL,
  round BIGINT NOT NULL,
  state TEXT NOT NULL,       -- waiting, held, returned, decided
  worth BIGINT NOT NULL,     -- 0 to 1000 by the policy, 2000 by hand, 3000 corrected after a review
  why TEXT NOT NULL,         -- policy, hand, corrected
  asked_ms BIGINT NOT NULL,
  PRIMARY KEY (organization, project, task)
) {rowless};
CREATE INDEX review_waiting ON review_due (organization, project, worth DESC, task) WHERE state = 'waiting';

CREATE TABLE review_count (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  waiting BIGINT NOT NULL,
  held BIGINT NOT NULL,
  returned BIGINT NOT NULL,
  decided BIGINT NOT NULL,
  PRIMARY KEY (organization, project)
) {rowless};

CREATE TABLE review (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  task BIGINT NOT NULL,
  id TEXT NOT NULL,
  round BIGINT NOT NULL,
  version BIGINT NOT NULL,   -- of the project, when it was opened
  person TEXT NOT NULL,
  member TEXT NOT NULL,      -- the reviewer
  opened_n BIGINT NOT NULL,  -- n of the ReviewOpened event in the project's stream
  state TEXT NOT NULL,       -- live, lapsed, recalled, skipped, accepted, fixed, returned
  opened_ms BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL,
  closed_ms BIGINT NOT NULL, -- 0 while live
  seq BIGINT NOT NULL,       -- the Reviewed event; 0 while there is none
  ms BIGINT NOT NULL,        -- active time; -1 when it was not told
  PRIMARY KEY (id)
);
CREATE UNIQUE INDEX review_live ON review (organization, project, task) WHERE state = 'live';
CREATE INDEX review_task ON review (organization, project, task, opened_ms);
CREATE INDEX review_closed ON review (organization, project, closed_ms) WHERE seq > 0;

-- What a review says of one annotation.
CREATE TABLE judgement (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  task BIGINT NOT NULL,
  review TEXT NOT NULL,
  assignment TEXT NOT NULL,
  person TEXT NOT NULL,      -- the annotator
  member TEXT NOT NULL,
  outcome TEXT NOT NULL,     -- accepted, fixed, returned
  revision BIGINT NOT NULL,  -- of the annotation, as it was judged
  answer_seq BIGINT NOT NULL,-- the Submitted event that was judged
  seq BIGINT NOT NULL,       -- the Reviewed event
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (review, assignment)
) {rowless};
CREATE INDEX judgement_mine ON judgement (person, at_ms);
CREATE INDEX judgement_task ON judgement (organization, project, task);

CREATE TABLE appeal (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  task BIGINT NOT NULL,
  id TEXT NOT NULL,
  review TEXT NOT NULL,
  assignment TEXT NOT NULL,
  person TEXT NOT NULL,      -- the annotator
  member TEXT NOT NULL,
  reviewer TEXT NOT NULL,    -- member whose judgement it is
  state TEXT NOT NULL,       -- open, upheld, rejected
  opened_ms BIGINT NOT NULL,
  seq BIGINT NOT NULL,       -- the Appealed event
  judge TEXT NOT NULL,       -- member who decided; empty while open
  closed_ms BIGINT NOT NULL,
  decided_seq BIGINT NOT NULL,
  PRIMARY KEY (id)
);
CREATE UNIQUE INDEX appeal_judgement ON appeal (review, assignment);
CREATE INDEX appeal_state ON appeal (organization, project, state, opened_ms);

-- How often the answers of an annotator stood, and how a reviewer decides.
CREATE TABLE review_tally (
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  member TEXT NOT NULL,
  part TEXT NOT NULL,        -- annotator: counts of judgements; reviewer: counts of reviews
  accepted BIGINT NOT NULL,
  fixed BIGINT NOT NULL,
  returned BIGINT NOT NULL,
  appealed BIGINT NOT NULL,
  upheld BIGINT NOT NULL,
  PRIMARY KEY (organization, project, member, part)
) {rowless};
