-- name: quality
SELECT state, done, total, as_of_ms, body, error FROM quality
WHERE organization = :organization AND project = :project;

-- name: start_quality!
INSERT INTO quality (organization, project, state, done, total, as_of_ms, body, error)
VALUES (:organization, :project, 'running', 0, :total, 0, '[]', '')
ON CONFLICT (organization, project) DO UPDATE SET state = 'running', done = 0, total = excluded.total, error = '';

-- name: quality_progress!
UPDATE quality SET done = :done WHERE organization = :organization AND project = :project;

-- name: finish_quality!
UPDATE quality SET state = 'done', done = total, as_of_ms = :at, body = :body, error = ''
WHERE organization = :organization AND project = :project;

-- name: fail_quality!
UPDATE quality SET state = 'failed', error = :error WHERE organization = :organization AND project = :project;

-- name: running_quality
SELECT project FROM quality WHERE state = 'running' ORDER BY project;

-- name: quality_answers
SELECT a.task, a.member, a.closed_ms, a.revision, a.ms, o.body FROM assignment a
JOIN task t ON t.organization = a.organization AND t.project = a.project AND t.n = a.task AND t.round = a.round
JOIN opening o ON o.seq = a.seq
WHERE a.organization = :organization AND a.project = :project AND a.task >= :first AND a.task <= :last
  AND a.state = 'submitted' AND a.state <> 'lapsed' ORDER BY a.task, a.closed_ms, a.id;

-- name: quality_records
SELECT t.n, p.record, p.mapping FROM task t
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round
WHERE t.organization = :organization AND t.project = :project AND t.n >= :first AND t.n <= :last
  AND p.task >= :first AND p.task <= :last ORDER BY t.n;

-- name: settled_tasks
-- Tasks whose answer a reviewer gave or accepted.
SELECT d.task FROM review_due d
JOIN task t ON t.organization = d.organization AND t.project = d.project AND t.n = d.task AND t.round = d.round
WHERE d.organization = :organization AND d.project = :project AND d.state = 'decided';

-- name: worth_a_look
-- These tasks as somebody who looks through them sees them, and how far a review of each is.
SELECT p.task, p.record, p.mapping, coalesce(d.state, ''), coalesce(d.worth, 0) FROM payload p
JOIN task t ON t.organization = p.organization AND t.project = p.project AND t.n = p.task AND t.round = p.round
LEFT JOIN review_due d ON d.organization = p.organization AND d.project = p.project AND d.task = p.task
  AND d.round = p.round
WHERE p.organization = :organization AND p.project = :project AND p.task {in tasks};

-- name: quality_providers
-- Whom members work for: in a shared pool their provider's pseudonym, of a share the origin of the partner's ledger,
-- else the organization that is their home.
SELECT m.id, coalesce((SELECT max(l.entity) FROM lent n JOIN shared_lease l ON l.person = n.person
  WHERE n.member = m.id AND l.project = :project), r.origin, p.home, '') AS provider
FROM member m LEFT JOIN person p ON p.id = m.person
LEFT JOIN partner_member r ON r.organization = m.organization AND r.member = m.id
WHERE m.organization = :organization AND m.id {in members} ORDER BY m.id;

-- name: provider_names
SELECT id, name FROM organization WHERE id {in ids};

-- name: partner_names
SELECT origin, max(name) FROM partner_member WHERE organization = :organization AND origin {in ids} GROUP BY origin;

-- name: member_names
SELECT m.id, p.name, m.kind FROM member m LEFT JOIN person p ON p.id = m.person
WHERE m.organization = :organization AND m.id {in members};

-- name: reviews_mine
-- How these members review: by project, and the active time that they told.
SELECT q.organization, q.id AS project, q.version, y.member, y.accepted, y.fixed, y.returned, y.appealed, y.upheld,
  (SELECT coalesce(sum(r.ms), 0) FROM review r WHERE r.organization = y.organization AND r.project = y.project
    AND r.seq > 0 AND r.member = y.member AND r.ms > 0) AS ms
FROM project q
JOIN review_tally y ON y.organization = q.organization AND y.project = q.id AND y.part = 'reviewer'
WHERE q.organization {in organizations} AND y.member {in members} AND q.state <> 'deleted'
ORDER BY q.organization, q.id LIMIT 200;

-- name: quality_mine
SELECT q.organization, q.id AS project, q.version, y.member, y.submitted, y.ms,
  (SELECT sum(f.ms) FROM effort f WHERE f.organization = y.organization AND f.project = y.project
    AND f.member = y.member) AS credited,
  coalesce(r.accepted, 0) AS accepted, coalesce(r.fixed, 0) AS fixed, coalesce(r.returned, 0) AS returned,
  coalesce(r.upheld, 0) AS upheld,
  coalesce(l.as_of_ms, 0) AS as_of_ms, l.body
FROM tally y
JOIN project q ON q.organization = y.organization AND q.id = y.project
LEFT JOIN review_tally r ON r.organization = y.organization AND r.project = y.project AND r.member = y.member
  AND r.part = 'annotator'
LEFT JOIN quality l ON l.organization = y.organization AND l.project = y.project
WHERE y.organization {in organizations} AND y.member {in members} AND q.state <> 'deleted'
ORDER BY y.last_ms DESC, q.id LIMIT 200;
