-- Gold tasks, qualification, standing: what events do to their tables, and what the verbs read.

-- name: fold_gold!
INSERT INTO gold (organization, project, task, purpose, answers, feedback, seq)
VALUES (:organization, :project, :n, :purpose, :answers, :feedback, :seq)
ON CONFLICT (organization, project, task) DO UPDATE SET purpose = excluded.purpose, answers = excluded.answers,
  feedback = excluded.feedback, seq = excluded.seq;

-- name: fold_no_gold!
DELETE FROM gold WHERE organization = :organization AND project = :project AND task = :n;

-- name: fold_task_apart!
-- Out of the queue, into it again: what stands apart has no free slots.
UPDATE task SET status = :status, changed_ms = :ms,
  free = CASE WHEN :status = 'open' THEN {max}(overlap - answered - leased, 0) ELSE 0 END
WHERE organization = :organization AND project = :project AND n = :n;

-- name: fold_apart_counts!
UPDATE project SET tasks = tasks + :tasks, done = done + :done,
  tag = CASE WHEN tasks - done > 0 THEN tag ELSE {max}(tag, (SELECT virtual FROM pool WHERE pool.id = project.pool)) END
WHERE id = :project;

-- name: fold_scored!
INSERT INTO standing (organization, project, member, state, reason, qualified, seen, answered, correct, base_answered,
  base_correct, changed_ms)
VALUES (:organization, :project, :member, 'active', '', 0, :seen, :answered, :correct, 0, 0, :ms)
ON CONFLICT (organization, project, member) DO UPDATE SET seen = excluded.seen, answered = excluded.answered,
  correct = excluded.correct, changed_ms = excluded.changed_ms;

-- name: fold_standing!
-- A suspension that is lifted starts the count anew, or the next result would bring it back.
INSERT INTO standing (organization, project, member, state, reason, qualified, seen, answered, correct, base_answered,
  base_correct, changed_ms)
VALUES (:organization, :project, :member, :state, :reason, 0, 0, 0, 0, 0, 0, :ms)
ON CONFLICT (organization, project, member) DO UPDATE SET state = excluded.state, reason = excluded.reason,
  base_answered = CASE WHEN excluded.state = 'active' THEN standing.answered ELSE standing.base_answered END,
  base_correct = CASE WHEN excluded.state = 'active' THEN standing.correct ELSE standing.base_correct END,
  changed_ms = excluded.changed_ms;

-- name: fold_test_began!
INSERT INTO test (organization, project, member, attempt, tasks, answered, correct, began_ms)
VALUES (:organization, :project, :member, :attempt, :tasks, 0, 0, :ms);

-- name: fold_test_answered!
UPDATE test SET answered = answered + 1, correct = correct + :correct
WHERE organization = :organization AND project = :project AND member = :member AND attempt = :attempt;

-- name: fold_test_ended!
INSERT INTO standing (organization, project, member, state, reason, qualified, seen, answered, correct, base_answered,
  base_correct, changed_ms)
VALUES (:organization, :project, :member, 'active', '', :passed, 0, 0, 0, 0, 0, :ms)
ON CONFLICT (organization, project, member) DO UPDATE SET qualified = excluded.qualified, changed_ms = excluded.changed_ms;

-- name: gold_stock
SELECT g.task, t.round, 0 FROM gold g
JOIN task t ON t.organization = g.organization AND t.project = g.project AND t.n = g.task
WHERE g.organization = :organization AND g.project = :project AND t.status = 'gold' ORDER BY g.task LIMIT 1000;

-- name: gold_stock_counted
-- The same where a task may be used only so often: with how many annotators have had it.
SELECT g.task, t.round, (SELECT count(*) FROM assignment a WHERE a.organization = g.organization
    AND a.project = g.project AND a.task = g.task AND a.round = t.round AND a.state <> 'lapsed') AS uses
FROM gold g
JOIN task t ON t.organization = g.organization AND t.project = g.project AND t.n = g.task
WHERE g.organization = :organization AND g.project = :project AND t.status = 'gold'
  AND (SELECT count(*) FROM assignment a WHERE a.organization = g.organization
    AND a.project = g.project AND a.task = g.task AND a.round = t.round AND a.state <> 'lapsed') < :reuse
ORDER BY g.task LIMIT 1000;

-- name: gold_had
SELECT person, task FROM assignment
WHERE organization = :organization AND project = :project AND task {in tasks} AND person {in persons}
  AND state <> 'lapsed' ORDER BY person, task;

-- name: gold_lapsed
SELECT DISTINCT person, task FROM assignment
WHERE organization = :organization AND project = :project AND task {in tasks} AND person {in persons}
  AND state = 'lapsed' ORDER BY person, task;

-- name: gold_tasks
SELECT g.task, g.purpose, g.answers, g.feedback, t.flagged, p.record, p.mapping, p.external_id
FROM gold g
JOIN task t ON t.organization = g.organization AND t.project = g.project AND t.n = g.task
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round
WHERE g.organization = :organization AND g.project = :project AND g.task > :after
  AND (:purpose = '' OR g.purpose = :purpose) ORDER BY g.task LIMIT :limit;

-- name: gold_named
SELECT g.task, g.purpose, g.answers, g.feedback, t.round, p.record, p.mapping FROM gold g
JOIN task t ON t.organization = g.organization AND t.project = g.project AND t.n = g.task
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round
WHERE g.organization = :organization AND g.project = :project AND g.task {in tasks} ORDER BY g.task;

-- name: gold_numbers
SELECT task FROM gold WHERE organization = :organization AND project = :project AND purpose = :purpose ORDER BY task;

-- name: gold_known
SELECT answers FROM gold WHERE organization = :organization AND project = :project AND purpose = 'gold';

-- name: gold_answers
-- Answers in force to gold tasks; :member = '' for those of everybody.
SELECT a.member, a.task, a.version, g.answers, o.body FROM gold g
JOIN assignment a ON a.organization = g.organization AND a.project = g.project AND a.task = g.task AND a.state <> 'lapsed'
JOIN opening o ON o.seq = a.seq
WHERE g.organization = :organization AND g.project = :project AND g.purpose = 'gold'
  AND a.state IN ('submitted', 'surplus') AND (:member = '' OR a.member = :member)
ORDER BY a.member, a.task;

-- name: standings
SELECT member, state, reason, qualified, seen, answered, correct, base_answered, base_correct, changed_ms FROM standing
WHERE organization = :organization AND project = :project AND member {in members};

-- name: all_standings
SELECT y.member, y.submitted, p.name, s.state, s.reason, s.qualified, s.answered, s.correct,
  (SELECT count(*) FROM test x WHERE x.organization = y.organization AND x.project = y.project AND x.member = y.member) AS tries
FROM (
  SELECT organization, project, member, submitted FROM tally WHERE organization = :organization AND project = :project
  UNION ALL
  SELECT organization, project, member, 0 FROM standing s WHERE s.organization = :organization AND s.project = :project
    AND NOT EXISTS (SELECT 1 FROM tally z WHERE z.organization = s.organization AND z.project = s.project AND z.member = s.member)
) y
LEFT JOIN standing s ON s.organization = y.organization AND s.project = y.project AND s.member = y.member
JOIN member m ON m.organization = y.organization AND m.id = y.member
LEFT JOIN person p ON p.id = m.person
ORDER BY y.member;

-- name: my_standings
SELECT s.organization, s.project, s.member, s.state, s.reason, s.qualified, s.answered, s.correct, q.version
FROM standing s
JOIN project q ON q.organization = s.organization AND q.id = s.project
WHERE s.member {in members} AND q.state <> 'deleted' ORDER BY q.created_ms DESC, q.id;

-- name: tests
SELECT attempt, tasks, answered, correct FROM test
WHERE organization = :organization AND project = :project AND member = :member ORDER BY attempt;

-- name: submitted_counts
SELECT member, submitted FROM tally WHERE organization = :organization AND project = :project AND member {in members};

-- name: ordinary_answers
-- Answers in force of ordinary tasks that have several, newest tasks first.
SELECT a.task, a.member, o.body FROM assignment a
JOIN task t ON t.organization = a.organization AND t.project = a.project AND t.n = a.task AND t.round = a.round
JOIN opening o ON o.seq = a.seq
WHERE a.organization = :organization AND a.project = :project AND a.state = 'submitted'
  AND t.answered > 1 AND t.status IN ('open', 'done') AND a.state <> 'lapsed'
ORDER BY a.task DESC LIMIT :limit;

-- name: gold_marks
SELECT DISTINCT e.seq, e.entry, o.body, o.organization FROM gold g
JOIN event e ON e.seq = g.seq JOIN opening o ON o.seq = g.seq
WHERE g.organization = :organization AND g.project = :project ORDER BY e.seq;

-- name: project_seed
SELECT seed FROM project WHERE id = :project;
