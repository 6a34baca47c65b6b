-- name: projects
SELECT organization, id, pool, state, version, overlap, created_ms, changed_ms, next_task, tasks, done, withdrawn,
  annotations, surplus, skipped, flagged
FROM project
WHERE organization {in organizations} AND ((:state = '' AND state <> 'deleted') OR state = :state)
  AND (:after = '~' OR (created_ms < CAST(substr(:after, 1, 15) AS BIGINT)
    OR (created_ms = CAST(substr(:after, 1, 15) AS BIGINT) AND id < substr(:after, 17))))
ORDER BY created_ms DESC, id DESC LIMIT :limit;

-- name: following
SELECT organization, project, version, upto, last FROM following
WHERE organization = :organization AND project = :project {lock};

-- name: all_following
-- A project that comes back out of an archive follows by what the archive tells.
SELECT f.organization, f.project FROM following f
WHERE NOT EXISTS (SELECT 1 FROM restore r WHERE r.project = f.project AND r.state = 'running')
ORDER BY f.organization, f.project;

-- name: followed
SELECT upto, last FROM following WHERE organization = :organization AND project = :project;

-- name: nearly_done
-- Open tasks of a stretch that have as many answers as the overlap in force asks for.
SELECT t.n FROM task t
WHERE t.organization = :organization AND t.project = :project AND t.n >= :first AND t.n <= :last
  AND t.status = 'open' AND t.answered > 0 AND t.answered >= :overlap ORDER BY t.n;

-- name: versions
SELECT version, document, created_ms FROM project_version
WHERE organization = :organization AND project = :project ORDER BY version DESC;

-- name: version_at
SELECT created_ms FROM project_version
WHERE organization = :organization AND project = :project AND version = :version;

-- name: live_count
SELECT count(*) FROM assignment WHERE pool = :pool AND state = 'live' AND project = :project;

-- name: tallies
SELECT y.member, y.submitted, y.skipped, y.ms, y.last_ms, p.name FROM tally y
JOIN member m ON m.organization = y.organization AND m.id = y.member
LEFT JOIN person p ON p.id = m.person
WHERE y.organization = :organization AND y.project = :project ORDER BY y.submitted DESC, y.member;

-- name: days
SELECT day, annotations FROM day
WHERE organization = :organization AND project = :project ORDER BY day DESC LIMIT 60;
