-- Lists of tasks, each by the index that fits; SQLite, which keeps no statistics, is told which.
-- Keyset paging: `after` is the last number seen; said of both tables, or PostgreSQL reads all earlier records.

-- name: tasks_all
SELECT t.n, t.status, t.answered, t.overlap, t.leased, t.flagged, t.priority, t.round, t.created_ms,
  p.record, p.mapping, p.external_id
FROM task t
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round
WHERE t.organization = :organization AND t.project = :project AND t.n > :after AND p.task > :after ORDER BY t.n LIMIT :limit;

-- name: tasks_open
SELECT t.n, t.status, t.answered, t.overlap, t.leased, t.flagged, t.priority, t.round, t.created_ms,
  p.record, p.mapping, p.external_id
FROM task t
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round
WHERE t.organization = :organization AND t.project = :project AND t.n > :after AND p.task > :after AND t.status = 'open' ORDER BY t.n LIMIT :limit;

-- name: tasks_done
SELECT t.n, t.status, t.answered, t.overlap, t.leased, t.flagged, t.priority, t.round, t.created_ms,
  p.record, p.mapping, p.external_id
FROM task t {by task_status}
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round
WHERE t.organization = :organization AND t.project = :project AND t.n > :after AND p.task > :after AND t.status <> 'open' AND t.status = 'done' ORDER BY t.n LIMIT :limit;

-- name: tasks_withdrawn
SELECT t.n, t.status, t.answered, t.overlap, t.leased, t.flagged, t.priority, t.round, t.created_ms,
  p.record, p.mapping, p.external_id
FROM task t {by task_status}
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round
WHERE t.organization = :organization AND t.project = :project AND t.n > :after AND p.task > :after AND t.status <> 'open' AND t.status = 'withdrawn' ORDER BY t.n LIMIT :limit;

-- name: tasks_gold
SELECT t.n, t.status, t.answered, t.overlap, t.leased, t.flagged, t.priority, t.round, t.created_ms,
  p.record, p.mapping, p.external_id
FROM task t {by task_status}
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round
WHERE t.organization = :organization AND t.project = :project AND t.n > :after AND p.task > :after AND t.status <> 'open' AND t.status = 'gold' ORDER BY t.n LIMIT :limit;

-- name: tasks_qualification
SELECT t.n, t.status, t.answered, t.overlap, t.leased, t.flagged, t.priority, t.round, t.created_ms,
  p.record, p.mapping, p.external_id
FROM task t {by task_status}
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round
WHERE t.organization = :organization AND t.project = :project AND t.n > :after AND p.task > :after AND t.status <> 'open' AND t.status = 'qualification' ORDER BY t.n LIMIT :limit;

-- name: tasks_flagged
SELECT t.n, t.status, t.answered, t.overlap, t.leased, t.flagged, t.priority, t.round, t.created_ms,
  p.record, p.mapping, p.external_id
FROM task t {by task_flagged}
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round
WHERE t.organization = :organization AND t.project = :project AND t.n > :after AND p.task > :after AND t.flagged > 0 AND (:status = '' OR t.status = :status) ORDER BY t.n LIMIT :limit;

-- name: tasks_by_member
-- From the person's answers: there are fewer of them than tasks.
SELECT t.n, t.status, t.answered, t.overlap, t.leased, t.flagged, t.priority, t.round, t.created_ms,
  p.record, p.mapping, p.external_id
FROM (
  SELECT DISTINCT a.task FROM assignment a {by assignment_mine}
  WHERE a.person = (SELECT m.person FROM member m WHERE m.organization = :organization AND m.id = :member) AND a.seq > 0 AND a.state <> 'lapsed'
    AND a.organization = :organization AND a.project = :project AND a.task > :after
) mine
JOIN task t ON t.organization = :organization AND t.project = :project AND t.n = mine.task
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round
WHERE :status = '' OR t.status = :status ORDER BY t.n LIMIT :limit;

-- name: tasks_by_external
SELECT t.n, t.status, t.answered, t.overlap, t.leased, t.flagged, t.priority, t.round, t.created_ms,
  p.record, p.mapping, p.external_id
FROM payload p {by payload_external}
JOIN task t ON t.organization = p.organization AND t.project = p.project AND t.n = p.task AND t.round = p.round
WHERE p.organization = :organization AND p.project = :project AND p.task > :after AND p.external_id = :external_id ORDER BY p.task LIMIT :limit;

-- name: tasks_named
SELECT t.n, t.status, t.answered, t.overlap, t.leased, t.flagged, t.priority, t.round, t.created_ms,
  p.record, p.mapping, p.external_id
FROM task t
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round
WHERE t.organization = :organization AND t.project = :project AND t.n {in tasks} ORDER BY t.n;

-- name: task
SELECT t.n, t.status, t.answered, t.overlap, t.leased, t.flagged, t.priority, t.round, t.created_ms,
  p.record, p.mapping, p.external_id
FROM task t
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round
WHERE t.organization = :organization AND t.project = :project AND t.n = :n ORDER BY t.n;

-- name: task_assignments
SELECT a.id, a.task, a.member, a.state, a.version, a.revision, a.ms, a.closed_ms, a.seq, m.kind, p.name, o.body, e.entry
FROM assignment a
JOIN member m ON m.organization = a.organization AND m.id = a.member
LEFT JOIN person p ON p.id = m.person
LEFT JOIN opening o ON o.seq = a.seq
LEFT JOIN event e ON e.seq = a.seq
WHERE a.organization = :organization AND a.project = :project AND a.task {in tasks} AND a.state <> 'lapsed'
ORDER BY a.task, a.opened_ms, a.id;

-- name: task_consensus
SELECT task, value FROM consensus WHERE organization = :organization AND project = :project AND task {in tasks};

-- name: task_flags
SELECT f.task, f.member, f.at_ms, o.body FROM flag f JOIN opening o ON o.seq = f.seq
WHERE f.organization = :organization AND f.project = :project AND f.task {in tasks} ORDER BY f.task, f.at_ms;
