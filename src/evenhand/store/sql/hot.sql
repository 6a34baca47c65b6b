-- The views of the two busiest verbs: next and submit.

-- name: submission_views
-- In the order of tasks, which are locked in it, or two lanes deadlock.
SELECT a.id, a.organization, a.project, a.task, a.round, a.person, a.member, a.version, a.pool, a.window_n, a.state,
  a.revision, a.seq, p.record, p.mapping, t.status, t.free, t.leased, t.answered, t.overlap, t.round,
  a.opened_ms
FROM assignment a
JOIN task t ON t.organization = a.organization AND t.project = a.project AND t.n = a.task
JOIN payload p ON p.organization = a.organization AND p.project = a.project AND p.task = a.task AND p.round = a.round
WHERE a.id {in ids} ORDER BY a.organization, a.project, a.task {lock_task};

-- name: submission_views_read
-- The same for readers, which lock nothing.
SELECT a.id, a.organization, a.project, a.task, a.round, a.person, a.member, a.version, a.pool, a.window_n, a.state,
  a.revision, a.seq, p.record, p.mapping, t.status, t.free, t.leased, t.answered, t.overlap, t.round,
  a.opened_ms
FROM assignment a
JOIN task t ON t.organization = a.organization AND t.project = a.project AND t.n = a.task
JOIN payload p ON p.organization = a.organization AND p.project = a.project AND p.task = a.task AND p.round = a.round
WHERE a.id {in ids} ORDER BY a.organization, a.project, a.task;

-- name: task_answers
-- `state <> 'lapsed'` says nothing new; it lets SQLite see that the partial index on tasks will do.
SELECT a.task, a.member, o.body FROM assignment a JOIN opening o ON o.seq = a.seq
WHERE a.organization = :organization AND a.project = :project AND a.task {in tasks} AND a.state = 'submitted'
  AND a.state <> 'lapsed' AND a.round = (SELECT t.round FROM task t WHERE t.organization = a.organization AND t.project = a.project AND t.n = a.task)
ORDER BY a.task, a.closed_ms, a.id;

-- name: pool_head
SELECT n, ms FROM stream WHERE id = :pool {lock};

-- name: lapsed_leases
SELECT id FROM assignment WHERE pool = :pool AND state = 'live' AND expires_ms <= :now ORDER BY expires_ms LIMIT 1000;

-- name: unsettled
SELECT a.id, e.stream, e.n FROM assignment a JOIN event e ON e.seq = a.seq
WHERE a.pool = :pool AND a.settled = 0 AND a.seq > 0 LIMIT 1000;

-- name: live_leases
SELECT a.id, a.person, a.organization, a.project, a.task, a.round, a.version, a.expires_ms, a.member, a.pool
FROM assignment a JOIN project q ON q.organization = a.organization AND q.id = a.project
WHERE a.person {in persons} AND a.state = 'live' AND a.expires_ms > :now AND q.state = 'active'
ORDER BY a.person, a.opened_ms, a.window_n, a.task;

-- name: pool_projects
SELECT q.organization, q.id, q.version, q.tag, q.tasks - q.done, l.virtual
FROM project q JOIN pool l ON l.id = q.pool
WHERE q.pool = :pool AND q.state = 'active' AND q.tasks > q.done ORDER BY q.tag, q.id;

-- name: free_tasks
SELECT n, free, round, rank, further_ms, overlap FROM task
WHERE organization = :organization AND project = :project AND free > 0 AND rank >= :rank
ORDER BY rank LIMIT :limit {skip_locked};

-- name: seen_tasks
SELECT a.person, a.task, a.round FROM assignment a
WHERE a.organization = :organization AND a.project = :project AND a.task {in tasks} AND a.person {in persons}
  AND a.state <> 'lapsed';

-- name: unseen_tasks
-- The first free tasks that this person has not had. Walks over those that they had, so the caller
-- remembers the rank that it got to. Who is passed over gets none that wants a further answer since `latest`,
-- and of whom pilots only are asked none of so low an `overlap`.
SELECT t.n, t.free, t.round, t.rank, t.further_ms, t.overlap FROM task t
WHERE t.organization = :organization AND t.project = :project AND t.free > 0 AND t.rank >= :rank
  AND t.rank <= :last AND t.further_ms <= :latest AND t.overlap > :overlap
  AND NOT EXISTS (SELECT 1 FROM assignment a WHERE a.organization = t.organization AND a.project = t.project
    AND a.task = t.n AND a.round = t.round AND a.person = :person AND a.state <> 'lapsed')
ORDER BY t.rank LIMIT :limit {skip_locked};

-- name: free_rank
-- Up to where so many free tasks are walked over.
SELECT rank FROM task WHERE organization = :organization AND project = :project AND free > 0 AND rank >= :rank
ORDER BY rank LIMIT 1 OFFSET :walked;

-- name: payloads
SELECT task, round, record, mapping FROM payload
WHERE organization = :organization AND project = :project AND task {in tasks};

-- name: document
SELECT document FROM project_version
WHERE organization = :organization AND project = :project AND version = :version;

-- name: drafts
SELECT assignment, answers FROM draft WHERE assignment {in ids};

-- name: delete_draft!
DELETE FROM draft WHERE assignment {in ids};

-- name: put_draft!
INSERT INTO draft (assignment, answers, at_ms) VALUES (:assignment, :answers, :at)
ON CONFLICT (assignment) DO UPDATE SET answers = excluded.answers, at_ms = excluded.at_ms;

-- name: project_order
SELECT q.seed, v.document FROM project q
JOIN project_version v ON v.organization = q.organization AND v.project = q.id AND v.version = q.version
WHERE q.id = :project;

-- name: task_state
SELECT t.status, t.round, t.answered, t.leased, t.overlap, p.external_id FROM task t
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round
WHERE t.organization = :organization AND t.project = :project AND t.n = :n;

-- name: assignment_round
SELECT round FROM assignment WHERE id = :id;

-- name: flag_exists
SELECT 1 AS one FROM flag WHERE organization = :organization AND project = :project AND task = :task
  AND assignment = :assignment;
