-- name: put_export!
INSERT INTO export (organization, project, id, settings, state, written, total, upto_seq, files, error, created_ms)
VALUES (:organization, :project, :id, :settings, 'running', 0, :total, 0, '[]', NULL, :at);

-- name: export
SELECT organization, project, id, settings, state, written, total, upto_seq, files, error, created_ms
FROM export WHERE id = :id;

-- name: exports
SELECT organization, project, id, settings, state, written, total, upto_seq, files, error, created_ms
FROM export WHERE organization = :organization AND project = :project ORDER BY created_ms DESC LIMIT 100;

-- name: export_progress!
UPDATE export SET written = :written WHERE id = :id;

-- name: finish_export!
UPDATE export SET state = :state, written = :written, upto_seq = :upto, files = :files, error = :error WHERE id = :id;

-- name: running_exports
SELECT id, settings FROM export WHERE state = 'running' ORDER BY created_ms;

-- name: release_tasks
-- The stretch is said of both tables: PostgreSQL does not see that it holds for the other, and reads all records.
SELECT t.n, t.round, p.record, p.mapping, p.external_id FROM task t
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round
WHERE t.organization = :organization AND t.project = :project AND t.n > :after AND t.n <= :upto
  AND p.task > :after AND p.task <= :upto AND t.status <> 'withdrawn' ORDER BY t.n;

-- name: release_more
SELECT 1 FROM task WHERE organization = :organization AND project = :project AND n > :after LIMIT 1;

-- name: release_annotations
-- Of every round of their tasks: whoever reads knows which one is in force.
SELECT a.task, a.round, a.member, a.ms, a.closed_ms, e.stream, e.n, e.entry, o.body, a.id, a.state FROM assignment a
JOIN event e ON e.seq = a.seq
JOIN opening o ON o.seq = a.seq
WHERE a.organization = :organization AND a.project = :project AND a.task >= :first AND a.task <= :last
  AND a.state IN ('submitted', :also) AND a.state <> 'lapsed'
ORDER BY a.task, a.closed_ms, a.id;

-- name: release_members
SELECT id, kind FROM member WHERE organization = :organization;

-- name: release_surplus
SELECT count(*) FROM assignment a
JOIN task t ON t.organization = a.organization AND t.project = a.project AND t.n = a.task AND t.round = a.round
WHERE a.organization = :organization AND a.project = :project AND a.state = 'surplus' AND a.state <> 'lapsed'
  AND a.seq > :since AND t.status <> 'withdrawn';

-- name: release_consensus
SELECT task, value FROM consensus
WHERE organization = :organization AND project = :project AND task >= :first AND task <= :last;

-- name: release_reviews
-- The newest review of each task comes last.
SELECT r.task, r.id, r.member, r.state, r.closed_ms FROM review r
JOIN task t ON t.organization = r.organization AND t.project = r.project AND t.n = r.task AND t.round = r.round
WHERE r.organization = :organization AND r.project = :project AND r.task >= :first AND r.task <= :last
  AND r.state IN ('accepted', 'fixed', 'returned') ORDER BY r.task, r.seq;

-- name: release_judgements
SELECT review, assignment, outcome FROM judgement
WHERE organization = :organization AND project = :project AND task >= :first AND task <= :last;

-- name: release_changed
SELECT DISTINCT task FROM assignment
WHERE organization = :organization AND project = :project AND task >= :first AND task <= :last AND seq > :since
  AND state IN ('submitted', :also) AND state <> 'lapsed'
UNION
SELECT DISTINCT task FROM review
WHERE organization = :organization AND project = :project AND task >= :first AND task <= :last AND seq > :since
  AND state <> 'skipped';

-- name: release_annotators
-- Who has answered in a project, people before models.
SELECT m.kind, p.name, y.submitted FROM tally y
JOIN member m ON m.organization = y.organization AND m.id = y.member
LEFT JOIN person p ON p.id = m.person
WHERE y.organization = :organization AND y.project = :project AND y.submitted > 0 ORDER BY m.kind, p.name;

-- name: archive_tasks
-- All tasks, withdrawn ones too. The stretch is said of each table, as above.
SELECT t.n, t.status, t.round, t.priority, p.record, p.mapping, p.external_id, c.value FROM task t
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round
LEFT JOIN consensus c ON c.organization = t.organization AND c.project = t.project AND c.task = t.n
  AND c.task > :after AND c.task <= :upto
WHERE t.organization = :organization AND t.project = :project AND t.n > :after AND t.n <= :upto
  AND p.task > :after AND p.task <= :upto ORDER BY t.n;

-- name: archive_annotations
-- Of all rounds, those outside the overlap too.
SELECT a.task, a.round, a.member, m.kind, a.state, a.version, a.revision, a.ms, a.closed_ms, e.stream, e.n, o.body,
  a.opened_ms
FROM assignment a
JOIN member m ON m.organization = a.organization AND m.id = a.member
JOIN event e ON e.seq = a.seq
JOIN opening o ON o.seq = a.seq
WHERE a.organization = :organization AND a.project = :project AND a.task > :after AND a.task <= :upto
  AND a.state IN ('submitted', 'surplus') AND a.state <> 'lapsed'
ORDER BY a.task, a.closed_ms, a.id;

-- name: archive_leases
SELECT id, round, version, opened_ms, expires_ms FROM assignment WHERE id {in ids};

-- name: archive_reviews
SELECT id, round, version, opened_ms, expires_ms FROM review WHERE id {in ids};
