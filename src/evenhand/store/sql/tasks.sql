-- Lists of tasks, each by the index that fits; SQLite, which keeps no statistics, is told which.
-- Keyset paging: `after` is the last number seen; said of both tables, or PostgreSQL reads all earlier records.

-- part: task_columns
t.n, t.status, t.answered, t.overlap, t.leased, t.flagged, t.priority, t.round, t.created_ms,
  p.record, p.mapping, p.external_id;

-- part: task_payload
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round;

-- part: tasks_of_project
WHERE t.organization = :organization AND t.project = :project AND t.n > :after AND p.task > :after;

-- name: tasks_all
SELECT {part task_columns}
FROM task t
{part task_payload}
{part tasks_of_project} ORDER BY t.n LIMIT :limit;

-- name: tasks_open
SELECT {part task_columns}
FROM task t
{part task_payload}
{part tasks_of_project} AND t.status = 'open' ORDER BY t.n LIMIT :limit;

-- name: tasks_done
SELECT {part task_columns}
FROM task t {by task_status}
{part task_payload}
{part tasks_of_project} AND t.status <> 'open' AND t.status = 'done' ORDER BY t.n LIMIT :limit;

-- name: tasks_withdrawn
SELECT {part task_columns}
FROM task t {by task_status}
{part task_payload}
{part tasks_of_project} AND t.status <> 'open' AND t.status = 'withdrawn' ORDER BY t.n LIMIT :limit;

-- name: tasks_gold
SELECT {part task_columns}
FROM task t {by task_status}
{part task_payload}
{part tasks_of_project} AND t.status <> 'open' AND t.status = 'gold' ORDER BY t.n LIMIT :limit;

-- name: tasks_qualification
SELECT {part task_columns}
FROM task t {by task_status}
{part task_payload}
{part tasks_of_project} AND t.status <> 'open' AND t.status = 'qualification' ORDER BY t.n LIMIT :limit;

-- name: tasks_flagged
SELECT {part task_columns}
FROM task t {by task_flagged}
{part task_payload}
{part tasks_of_project} AND t.flagged > 0 AND (:status = '' OR t.status = :status) ORDER BY t.n LIMIT :limit;

-- name: tasks_by_member
-- From the person's answers: there are fewer of them than tasks.
SELECT {part task_columns}
FROM (
  SELECT DISTINCT a.task FROM assignment a {by assignment_mine}
  WHERE a.person = (SELECT m.person FROM member m WHERE m.organization = :organization AND m.id = :member) AND a.seq > 0 AND a.state <> 'lapsed'
    AND a.organization = :organization AND a.project = :project AND a.task > :after
) mine
JOIN task t ON t.organization = :organization AND t.project = :project AND t.n = mine.task
{part task_payload}
WHERE :status = '' OR t.status = :status ORDER BY t.n LIMIT :limit;

-- name: tasks_by_external
SELECT {part task_columns}
FROM payload p {by payload_external}
JOIN task t ON t.organization = p.organization AND t.project = p.project AND t.n = p.task AND t.round = p.round
WHERE p.organization = :organization AND p.project = :project AND p.task > :after AND p.external_id = :external_id ORDER BY p.task LIMIT :limit;

-- name: tasks_named
SELECT {part task_columns}
FROM task t
{part task_payload}
WHERE t.organization = :organization AND t.project = :project AND t.n {in tasks} ORDER BY t.n;

-- name: task
SELECT {part task_columns}
FROM task t
{part task_payload}
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
