-- name: watch_adaptive!
INSERT INTO adaptive (organization, project, number, version, tasks, annotations, spent, pilots, place, as_of_ms, body)
VALUES (:organization, :project, 0, 0, 0, 0, 0, 0, 0, 0, '')
ON CONFLICT (organization, project) DO NOTHING;

-- name: forget_adaptive!
DELETE FROM adaptive WHERE organization = :organization AND project = :project;

-- name: all_adaptive
SELECT x.organization, x.project, x.number, x.annotations AS weighed, q.annotations, q.tasks = q.done AS idle,
  x.version <> q.version OR x.tasks <> q.next_task - 1 AS changed, q.next_task
FROM adaptive x JOIN project q ON q.organization = x.organization AND q.id = x.project
WHERE q.state = 'active' ORDER BY x.organization, x.project;

-- name: adaptive
SELECT number, version, spent, pilots, place, as_of_ms, body FROM adaptive
WHERE organization = :organization AND project = :project;

-- name: adaptive_number
SELECT number, spent FROM adaptive WHERE organization = :organization AND project = :project;

-- name: put_adaptive!
UPDATE adaptive SET number = number + 1, version = :version, tasks = :tasks, annotations = :annotations, spent = :spent,
  pilots = :pilots, place = :place, as_of_ms = :at, body = :body
WHERE organization = :organization AND project = :project;

-- name: weighed_answers
-- Sorted by place where it is read: the order of texts is another one in another database.
SELECT a.task, a.closed_ms, e.stream, e.n, a.member, o.body FROM assignment a
JOIN task t ON t.organization = a.organization AND t.project = a.project AND t.n = a.task AND t.round = a.round
JOIN opening o ON o.seq = a.seq
JOIN event e ON e.seq = a.seq
WHERE a.organization = :organization AND a.project = :project AND a.task >= :first AND a.task <= :last
  AND a.state = 'submitted' AND a.state <> 'lapsed' AND t.status IN ('open', 'done')
ORDER BY a.task, a.closed_ms;

-- name: weighed_tasks
SELECT t.n, t.status, t.answered, t.overlap, t.changed_ms, r.state, c.value FROM task t
LEFT JOIN review_due r ON r.organization = t.organization AND r.project = t.project AND r.task = t.n
LEFT JOIN consensus c ON c.organization = t.organization AND c.project = t.project AND c.task = t.n
WHERE t.organization = :organization AND t.project = :project AND t.n >= :first AND t.n <= :last
  AND t.status IN ('open', 'done') ORDER BY t.n;

-- name: weighed_still
-- Of these tasks, what has to be as it was; locked in their order, or two lanes deadlock.
SELECT t.n, t.status, t.answered, t.overlap, t.changed_ms FROM task t
WHERE t.organization = :organization AND t.project = :project AND t.n {in tasks} ORDER BY t.n {lock_task};
