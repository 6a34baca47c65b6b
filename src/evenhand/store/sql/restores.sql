-- Projects that come back out of archives.

-- name: put_restore!
INSERT INTO restore (organization, id, name, state, bytes, received, events, replayed, project, report, error, created_ms)
VALUES (:organization, :id, :name, 'open', :bytes, 0, 0, 0, NULL, NULL, NULL, :at);

-- name: restore
SELECT organization, id, name, state, bytes, received, events, replayed, concluded, came, project, report, error,
  created_ms
FROM restore WHERE id = :id;

-- name: restores
SELECT organization, id, name, state, bytes, received, events, replayed, project, report, error, created_ms
FROM restore WHERE organization = :organization ORDER BY created_ms DESC LIMIT 100;

-- name: received_restore!
UPDATE restore SET received = :received, state = :state WHERE id = :id;

-- name: restore_begins!
-- The row stays locked until the project is made, so that two processes make one.
UPDATE restore SET events = :events WHERE id = :id AND state = 'running' AND project IS NULL;

-- name: restore_began!
UPDATE restore SET project = :project WHERE id = :id;

-- name: restore_goes_on!
-- Nobody else did these meanwhile.
UPDATE restore SET replayed = :replayed, concluded = :concluded
WHERE id = :id AND state = 'running' AND replayed = :was_replayed AND concluded = :was_concluded;

-- name: restore_came!
UPDATE restore SET came = :came WHERE id = :id;

-- name: finish_restore!
UPDATE restore SET state = :state, report = :report, error = :error WHERE id = :id AND state = 'running';

-- name: running_restores
SELECT id FROM restore WHERE state = 'running' ORDER BY created_ms;

-- name: told_assignment
SELECT id, revision, seq FROM assignment WHERE organization = :organization AND project = :project AND task = :task
  AND round = :round AND person = :person AND state <> 'lapsed';
