-- name: put_import!
INSERT INTO import (organization, project, id, name, settings, state, accepted, present, rejected, rejections,
  next_line, received, bytes, error, created_ms)
VALUES (:organization, :project, :id, :name, :settings, 'open', 0, 0, 0, '[]', 1, 0, :bytes, NULL, :at);

-- name: import
SELECT organization, project, id, name, settings, state, accepted, present, rejected, rejections, next_line, received,
  bytes, error, created_ms
FROM import WHERE id = :id;

-- name: imports
SELECT organization, project, id, name, settings, state, accepted, present, rejected, rejections, next_line, received,
  bytes, error, created_ms
FROM import WHERE organization = :organization AND project = :project ORDER BY created_ms DESC LIMIT 100;

-- name: update_import!
UPDATE import SET accepted = accepted + :accepted, present = present + :present, rejected = rejected + :rejected,
  rejections = :rejections, next_line = :next_line WHERE id = :id;

-- name: received_import!
UPDATE import SET received = :received WHERE id = :id;

-- name: set_import_state!
UPDATE import SET state = :state, error = :error WHERE id = :id;

-- name: running_imports
SELECT id, project FROM import WHERE state = 'running' ORDER BY created_ms;

-- name: known
SELECT key, import FROM known WHERE organization = :organization AND project = :project AND key {in keys};

-- name: put_digest_run!
INSERT INTO digest_run (organization, project, first, digests, import)
VALUES (:organization, :project, :first, :digests, :brought_by);

-- name: digest_runs
-- Those that have come since.
SELECT first, digests FROM digest_run
WHERE organization = :organization AND project = :project AND first > :after ORDER BY first;

-- name: digest_run_of
-- The run that a task is in, if it is in one.
SELECT first, digests, import FROM digest_run
WHERE organization = :organization AND project = :project AND first <= :task ORDER BY first DESC LIMIT 1;

-- name: blank_digest!
UPDATE digest_run SET digests = :digests WHERE organization = :organization AND project = :project AND first = :first;

-- name: see_known!
UPDATE known SET import = :seen_by WHERE organization = :organization AND project = :project AND key = :key;

-- name: records_by_external
-- Corrections keep the external id; what came in with it stands first.
SELECT external_id, record FROM payload {by payload_external}
WHERE organization = :organization AND project = :project AND external_id {in externals} ORDER BY external_id, round;

-- name: brought_by
SELECT b.key, m.id, m.person FROM brought_by b JOIN member m ON m.organization = b.organization AND m.id = b.member
WHERE b.organization = :organization AND b.key {in keys};

-- name: put_brought_by!
INSERT INTO brought_by (organization, key, member) VALUES (:organization, :key, :member);

-- name: member_by_email
SELECT m.id, m.person FROM person p JOIN member m ON m.person = p.id
WHERE p.email = :email AND m.organization = :organization AND m.role <> 'enrolled';

-- name: brought_tasks
-- Tasks by external id, as an import of annotations names them; locked, for their counts decide.
SELECT p.external_id, t.n, t.round, t.status, t.free, t.leased, t.answered, t.overlap, p.record, p.mapping
FROM payload p {by payload_external}
JOIN task t ON t.organization = p.organization AND t.project = p.project AND t.n = p.task AND t.round = p.round
WHERE p.organization = :organization AND p.project = :project AND p.external_id {in externals}
ORDER BY t.n {lock_task};

-- name: brought_before
-- What people have of these tasks already, whatever came of it.
SELECT a.task, a.round, a.person, a.state, o.body FROM assignment a LEFT JOIN opening o ON o.seq = a.seq
WHERE a.organization = :organization AND a.project = :project AND a.task {in tasks} AND a.state <> 'lapsed';
