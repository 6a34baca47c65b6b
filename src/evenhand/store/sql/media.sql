-- Media: what is known of the bytes under a digest.

-- name: put_blob!
INSERT INTO blob (organization, sha256, bytes, type, width, height, created_ms)
VALUES (:organization, :sha256, :bytes, :type, :width, :height, :created_ms)
ON CONFLICT (organization, sha256) DO NOTHING;

-- name: blob
SELECT sha256, bytes, type FROM blob WHERE organization = :organization AND sha256 = :sha256;

-- name: task_was_given
SELECT 1 AS one WHERE
  EXISTS (SELECT 1 FROM assignment WHERE organization = :organization AND project = :project AND task = :task
    AND person = :person AND state <> 'lapsed')
  OR EXISTS (SELECT 1 FROM assignment WHERE organization = :organization AND project = :project AND task = :task
    AND person = :person AND state = 'lapsed');

-- name: record_now
SELECT p.record, p.mapping FROM task t JOIN payload p ON p.organization = t.organization
  AND p.project = t.project AND p.task = t.n AND p.round = t.round
WHERE t.organization = :organization AND t.project = :project AND t.n = :task;
