-- name: project
SELECT organization, id, pool, state, version, overlap, created_ms, changed_ms, next_task, tasks, done, withdrawn,
  annotations, surplus, skipped, flagged
FROM project WHERE id = :project;

-- name: project_pool
SELECT q.organization, q.pool, q.state, o.project IS NOT NULL AS shared
FROM project q LEFT JOIN pooled o ON o.project = q.id WHERE q.id = :project;

-- name: pools_of
SELECT id FROM pool WHERE organization {in organizations} ORDER BY id;

-- name: assignment
SELECT organization, project, task, round, person, member, version, state, expires_ms, closed_ms, revision, seq
FROM assignment WHERE id = :id;

-- name: work_projects
SELECT q.organization, q.id, q.state, q.version, q.tasks, q.done, q.annotations, q.surplus, q.overlap, coalesce(y.submitted, 0) AS mine
FROM project q
LEFT JOIN member m ON m.organization = q.organization AND m.person = :person
LEFT JOIN tally y ON y.organization = q.organization AND y.project = q.id AND y.member = m.id
WHERE q.organization {in organizations} AND q.state IN ('active', 'paused') ORDER BY q.created_ms DESC, q.id;

-- name: history
SELECT a.id, a.organization, a.project, a.task, a.version, a.state, a.closed_ms, a.revision, p.record, p.mapping,
  a.member
FROM assignment a
JOIN payload p ON p.organization = a.organization AND p.project = a.project AND p.task = a.task AND p.round = a.round
WHERE a.person = :person AND a.seq > 0 AND (:project = '' OR a.project = :project)
  AND (a.closed_ms < :before_ms OR (a.closed_ms = :before_ms AND a.id < :before_id))
ORDER BY a.closed_ms DESC, a.id DESC LIMIT :limit;

-- name: given_again
SELECT id FROM assignment WHERE organization = :organization AND project = :project AND task = :task
  AND round = :round AND person = :person AND state <> 'lapsed';
