-- Review: the folds of its events, then the views of its verbs.

-- name: due_states
SELECT task, state FROM review_due WHERE organization = :organization AND project = :project AND task {in tasks}
ORDER BY task;

-- name: due_worths
SELECT task, state, worth FROM review_due WHERE organization = :organization AND project = :project AND task {in tasks};

-- name: fold_due!
INSERT INTO review_due (organization, project, task, round, state, worth, why, asked_ms)
VALUES (:organization, :project, :task, :round, 'waiting', :worth, :why, :ms)
ON CONFLICT (organization, project, task) DO UPDATE SET round = excluded.round, state = 'waiting',
  worth = excluded.worth, why = excluded.why, asked_ms = excluded.asked_ms;

-- name: fold_due_state!
UPDATE review_due SET state = :state WHERE organization = :organization AND project = :project AND task = :task;

-- name: fold_due_gone!
DELETE FROM review_due WHERE organization = :organization AND project = :project AND task = :task;

-- name: fold_review_count!
INSERT INTO review_count (organization, project, waiting, held, returned, decided)
VALUES (:organization, :project, :waiting, :held, :returned, :decided)
ON CONFLICT (organization, project) DO UPDATE SET waiting = review_count.waiting + excluded.waiting,
  held = review_count.held + excluded.held, returned = review_count.returned + excluded.returned,
  decided = review_count.decided + excluded.decided;

-- name: fold_review_opened!
INSERT INTO review (organization, project, task, id, round, version, person, member, opened_n, state, opened_ms,
  expires_ms, closed_ms, seq, ms)
VALUES (:organization, :project, :task, :id, :round,
  (SELECT version FROM project WHERE organization = :organization AND id = :project),
  :person, :member, :n, 'live', :ms, :expires_ms, 0, 0, -1);

-- name: reviews_held
SELECT id, task FROM review WHERE id {in ids} ORDER BY task;

-- name: fold_review_lapsed!
UPDATE review SET state = 'lapsed', closed_ms = :ms WHERE id = :id;

-- name: fold_reviews_recalled!
UPDATE review SET state = 'recalled', closed_ms = :ms
WHERE organization = :organization AND project = :project AND task = :task AND state = 'live';

-- name: fold_reviewed!
UPDATE review SET state = :state, closed_ms = :at, seq = :seq, ms = :ms WHERE id = :id;

-- name: fold_judgement!
INSERT INTO judgement (organization, project, task, review, assignment, person, member, outcome, revision,
  answer_seq, seq, at_ms)
VALUES (:organization, :project, :task, :review, :assignment, :person, :member, :outcome, :revision,
  :answer_seq, :seq, :at);

-- name: fold_review_tally!
INSERT INTO review_tally (organization, project, member, part, accepted, fixed, returned, appealed, upheld)
VALUES (:organization, :project, :member, :part, :accepted, :fixed, :returned, :appealed, :upheld)
ON CONFLICT (organization, project, member, part) DO UPDATE SET accepted = review_tally.accepted + excluded.accepted,
  fixed = review_tally.fixed + excluded.fixed, returned = review_tally.returned + excluded.returned,
  appealed = review_tally.appealed + excluded.appealed, upheld = review_tally.upheld + excluded.upheld;

-- name: fold_appealed!
INSERT INTO appeal (organization, project, task, id, review, assignment, person, member, reviewer, state, opened_ms,
  seq, judge, closed_ms, decided_seq)
VALUES (:organization, :project, :task, :id, :review, :assignment, :person, :member, :reviewer, 'open', :at,
  :seq, '', 0, 0);

-- name: fold_appeal_decided!
UPDATE appeal SET state = :state, judge = :judge, closed_ms = :at, decided_seq = :seq WHERE id = :id;

-- ---- queue -------------------------------------------------------------------------------------

-- name: review_head
SELECT n, ms FROM stream WHERE id = :project {lock};

-- name: review_counts
SELECT waiting, held, returned, decided FROM review_count WHERE organization = :organization AND project = :project;

-- name: lapsed_reviews
SELECT id FROM review WHERE organization = :organization AND project = :project AND state = 'live'
  AND expires_ms <= :now ORDER BY expires_ms, id LIMIT 1000;

-- name: live_review
SELECT id FROM review WHERE organization = :organization AND project = :project AND person = :person
  AND state = 'live' AND expires_ms > :now ORDER BY opened_ms, id LIMIT 1;

-- name: reviews_due
-- The most worthy tasks that this person neither answered nor passed over.
SELECT d.task, d.round, d.worth FROM review_due d
JOIN task t ON t.organization = d.organization AND t.project = d.project AND t.n = d.task AND t.round = d.round
WHERE d.organization = :organization AND d.project = :project AND t.status = 'done'
  AND d.state = 'waiting'
  AND NOT EXISTS (SELECT 1 FROM assignment a WHERE a.organization = d.organization AND a.project = d.project
    AND a.task = d.task AND a.round = d.round AND a.person = :person AND a.state <> 'lapsed'
    AND a.state IN ('submitted', 'surplus'))
  AND NOT EXISTS (SELECT 1 FROM review r WHERE r.organization = d.organization AND r.project = d.project
    AND r.task = d.task AND r.round = d.round AND r.person = :person AND r.state = 'skipped')
ORDER BY d.worth DESC, d.task LIMIT :limit;

-- name: reviews_lapsed_due
-- The same of what these lapsed reviews hold.
SELECT d.task, d.round, d.worth FROM review l
JOIN review_due d ON d.organization = l.organization AND d.project = l.project AND d.task = l.task
JOIN task t ON t.organization = d.organization AND t.project = d.project AND t.n = d.task AND t.round = d.round
WHERE l.id {in lapsed} AND t.status = 'done'
  AND NOT EXISTS (SELECT 1 FROM assignment a WHERE a.organization = d.organization AND a.project = d.project
    AND a.task = d.task AND a.round = d.round AND a.person = :person AND a.state <> 'lapsed'
    AND a.state IN ('submitted', 'surplus'))
  AND NOT EXISTS (SELECT 1 FROM review r WHERE r.organization = d.organization AND r.project = d.project
    AND r.task = d.task AND r.round = d.round AND r.person = :person AND r.state = 'skipped');

-- name: project_seed
SELECT seed FROM project WHERE id = :project;

-- name: review_tallies_of
SELECT member, accepted, fixed, returned, upheld FROM review_tally
WHERE organization = :organization AND project = :project AND part = 'annotator' AND member {in members};

-- name: task_annotators
SELECT a.task, a.member FROM assignment a
JOIN task t ON t.organization = a.organization AND t.project = a.project AND t.n = a.task AND t.round = a.round
WHERE a.organization = :organization AND a.project = :project AND a.task {in tasks} AND a.state = 'submitted'
  AND a.state <> 'lapsed';

-- ---- one review --------------------------------------------------------------------------------

-- name: review
SELECT r.organization, r.project, r.task, r.id, r.round, r.version, r.person, r.member, r.opened_n, r.state,
  r.opened_ms, r.expires_ms, r.closed_ms, r.seq, r.ms, n.name, d.state AS due, d.why, d.worth, d.round AS due_round, o.body
FROM review r
LEFT JOIN member m ON m.id = r.member
LEFT JOIN person n ON n.id = m.person
LEFT JOIN review_due d ON d.organization = r.organization AND d.project = r.project AND d.task = r.task
LEFT JOIN opening o ON o.seq = r.seq
WHERE r.id = :id;

-- name: review_annotations
SELECT a.id, a.member, a.person, a.revision, a.seq, a.ms, m.kind, p.name, e.stream, e.n, o.body
FROM assignment a
JOIN member m ON m.organization = a.organization AND m.id = a.member
LEFT JOIN person p ON p.id = m.person
JOIN event e ON e.seq = a.seq
JOIN opening o ON o.seq = a.seq
WHERE a.organization = :organization AND a.project = :project AND a.task = :task AND a.round = :round
  AND a.state = 'submitted' AND a.state <> 'lapsed' ORDER BY a.closed_ms, a.id;

-- name: payload_of
SELECT record, mapping FROM payload
WHERE organization = :organization AND project = :project AND task = :task AND round = :round;

-- name: task_reviews
-- Decided reviews of these tasks, oldest first.
SELECT r.task, r.id, r.round, r.state, r.member, r.closed_ms, n.name, o.body
FROM review r
LEFT JOIN member m ON m.id = r.member
LEFT JOIN person n ON n.id = m.person
JOIN opening o ON o.seq = r.seq
WHERE r.organization = :organization AND r.project = :project AND r.task {in tasks}
  AND r.state IN ('accepted', 'fixed', 'returned') ORDER BY r.task, r.closed_ms, r.id;

-- name: task_judgements
SELECT review, assignment, outcome FROM judgement
WHERE organization = :organization AND project = :project AND task {in tasks} ORDER BY at_ms, review, assignment;

-- name: reviews_closed
SELECT r.id, r.task, r.state, r.member, r.closed_ms, r.ms, n.name, o.body, p.record, p.mapping
FROM review r
LEFT JOIN member m ON m.id = r.member
LEFT JOIN person n ON n.id = m.person
JOIN opening o ON o.seq = r.seq
JOIN payload p ON p.organization = r.organization AND p.project = r.project AND p.task = r.task AND p.round = r.round
WHERE r.organization = :organization AND r.project = :project AND r.seq > 0 AND r.state <> 'skipped'
  AND (r.closed_ms < :before_ms OR (r.closed_ms = :before_ms AND r.id < :before_id))
ORDER BY r.closed_ms DESC, r.id DESC LIMIT :limit;

-- name: returned_open
-- Of these tasks, how many annotations wait for their correction after the newest review.
SELECT j.task, count(*) FROM judgement j
JOIN assignment a ON a.id = j.assignment
JOIN review_due d ON d.organization = j.organization AND d.project = j.project AND d.task = j.task AND d.round = a.round
WHERE j.organization = :organization AND j.project = :project AND j.task {in tasks} AND j.outcome = 'returned'
  AND j.revision = a.revision AND d.state = 'returned' GROUP BY j.task ORDER BY j.task;

-- ---- annotators --------------------------------------------------------------------------------

-- name: judgements_mine
SELECT j.organization, j.project, j.task, j.review, j.assignment, j.outcome, j.revision, j.at_ms, j.answer_seq,
  a.revision AS now_revision, a.version, a.round, t.round AS task_round, d.state AS due, o.body, p.record, p.mapping,
  ea.stream AS answer_stream, ea.n AS answer_n,
  x.id AS appeal, x.state AS appeal_state, x.opened_ms AS appealed_ms, ox.body AS appeal_body, od.body AS decided_body
FROM judgement j
JOIN assignment a ON a.id = j.assignment
JOIN task t ON t.organization = j.organization AND t.project = j.project AND t.n = j.task
JOIN opening o ON o.seq = j.seq
JOIN event ea ON ea.seq = j.answer_seq
JOIN payload p ON p.organization = j.organization AND p.project = j.project AND p.task = j.task AND p.round = a.round
LEFT JOIN review_due d ON d.organization = j.organization AND d.project = j.project AND d.task = j.task
LEFT JOIN appeal x ON x.review = j.review AND x.assignment = j.assignment
LEFT JOIN opening ox ON ox.seq = x.seq
LEFT JOIN opening od ON od.seq = x.decided_seq
WHERE j.person = :person AND (:project = '' OR j.project = :project) AND (:outcome = '' OR j.outcome = :outcome)
  AND (:assignment = '' OR j.assignment = :assignment) AND (j.at_ms < :before_ms OR (j.at_ms = :before_ms AND j.assignment < :before_id))
ORDER BY j.at_ms DESC, j.assignment DESC LIMIT :limit;

-- name: sent_back
-- Answers of a person that were sent back and not corrected yet, by project.
SELECT j.project, count(DISTINCT j.assignment) FROM judgement j
JOIN assignment a ON a.id = j.assignment AND a.revision = j.revision
JOIN task t ON t.organization = j.organization AND t.project = j.project AND t.n = j.task AND t.round = a.round
JOIN review_due d ON d.organization = j.organization AND d.project = j.project AND d.task = j.task
WHERE j.person = :person AND j.outcome = 'returned' AND d.state = 'returned'
GROUP BY j.project;

-- name: judgement_newest
SELECT j.organization, j.project, j.task, j.review, j.assignment, j.person, j.member, j.outcome, j.revision,
  j.answer_seq, j.seq, r.member AS reviewer, a.revision AS now_revision, r.round, t.round AS task_round,
  e.stream, e.n, ea.stream AS answer_stream, ea.n AS answer_n, x.state AS appeal_state,
  (SELECT count(*) FROM review l WHERE l.organization = r.organization AND l.project = r.project AND l.task = r.task
    AND l.seq > r.seq AND l.state IN ('accepted', 'fixed', 'returned')) AS later
FROM judgement j
JOIN review r ON r.id = j.review
JOIN assignment a ON a.id = j.assignment
JOIN task t ON t.organization = j.organization AND t.project = j.project AND t.n = j.task
JOIN event e ON e.seq = j.seq
JOIN event ea ON ea.seq = j.answer_seq
LEFT JOIN appeal x ON x.review = j.review AND x.assignment = j.assignment
WHERE j.assignment = :assignment ORDER BY j.at_ms DESC, j.seq DESC LIMIT 1;

-- ---- appeals -----------------------------------------------------------------------------------

-- name: appeal
SELECT x.organization, x.project, x.task, x.id, x.review, x.assignment, x.person, x.member, x.reviewer, x.state,
  x.opened_ms, x.judge, x.closed_ms, j.outcome, j.answer_seq, r.round, r.opened_n, t.round AS task_round, t.status,
  er.stream AS review_stream, er.n AS review_n, e.stream, e.n, o.body, oj.body AS review_body, od.body AS decided_body,
  oa.body AS answer_body, p.record, p.mapping, na.name AS annotator_name, nr.name AS reviewer_name, v.version,
  nj.name AS judge_name,
  (SELECT count(*) FROM review l WHERE l.organization = r.organization AND l.project = r.project AND l.task = r.task
    AND l.seq > r.seq AND l.state IN ('accepted', 'fixed', 'returned')) AS later
FROM appeal x
JOIN judgement j ON j.review = x.review AND j.assignment = x.assignment
JOIN review r ON r.id = x.review
JOIN assignment v ON v.id = x.assignment
JOIN task t ON t.organization = x.organization AND t.project = x.project AND t.n = x.task
JOIN payload p ON p.organization = x.organization AND p.project = x.project AND p.task = x.task AND p.round = r.round
JOIN event er ON er.seq = r.seq
JOIN event e ON e.seq = x.seq
JOIN opening o ON o.seq = x.seq
JOIN opening oj ON oj.seq = r.seq
JOIN opening oa ON oa.seq = j.answer_seq
LEFT JOIN opening od ON od.seq = x.decided_seq
LEFT JOIN member ma ON ma.id = x.member LEFT JOIN person na ON na.id = ma.person
LEFT JOIN member mr ON mr.id = x.reviewer LEFT JOIN person nr ON nr.id = mr.person
LEFT JOIN member mj ON mj.id = x.judge LEFT JOIN person nj ON nj.id = mj.person
WHERE x.id = :id;

-- name: appeals
SELECT id FROM appeal WHERE organization = :organization AND project = :project AND (:state = '' OR state = :state)
  AND (opened_ms > :after_ms OR (opened_ms = :after_ms AND id > :after_id))
ORDER BY opened_ms, id LIMIT :limit;

-- name: appeals_decided
SELECT id FROM appeal WHERE organization = :organization AND project = :project AND state <> 'open'
  AND (:state = '' OR state = :state) AND (closed_ms < :after_ms OR (closed_ms = :after_ms AND id < :after_id))
ORDER BY closed_ms DESC, id DESC LIMIT :limit;

-- name: reviews_waiting
-- What waits for a reviewer in each of these projects: tasks, and open appeals.
SELECT c.project, c.waiting, (SELECT count(*) FROM appeal a WHERE a.organization = c.organization
    AND a.project = c.project AND a.state = 'open')
FROM review_count c WHERE c.organization {in organizations} AND c.project {in projects};

-- name: review_tallies
SELECT y.member, y.part, y.accepted, y.fixed, y.returned, y.appealed, y.upheld, n.name FROM review_tally y
LEFT JOIN member m ON m.id = y.member LEFT JOIN person n ON n.id = m.person
WHERE y.organization = :organization AND y.project = :project ORDER BY y.part, y.member;

-- ---- for the doctor ----------------------------------------------------------------------------

-- name: walk_review_due
SELECT organization, project, task, round, state, worth, why, asked_ms FROM review_due ORDER BY organization {collate}, project {collate}, task;

-- name: walk_review_count
SELECT organization, project, waiting, held, returned, decided FROM review_count ORDER BY organization {collate}, project {collate};

-- name: walk_review
SELECT organization, project, task, id, round, version, person, member, opened_n, state, opened_ms, expires_ms, closed_ms, seq, ms FROM review ORDER BY id {collate};

-- name: walk_judgement
SELECT organization, project, task, review, assignment, person, member, outcome, revision, answer_seq, seq, at_ms FROM judgement ORDER BY review {collate}, assignment {collate};

-- name: walk_appeal
SELECT organization, project, task, id, review, assignment, person, member, reviewer, state, opened_ms, seq, judge, closed_ms, decided_seq FROM appeal ORDER BY id {collate};

-- name: walk_review_tally
SELECT organization, project, member, part, accepted, fixed, returned, appealed, upheld FROM review_tally ORDER BY organization {collate}, project {collate}, member {collate}, part {collate};
