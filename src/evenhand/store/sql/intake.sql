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

-- name: see_known!
UPDATE known SET import = :seen_by WHERE organization = :organization AND project = :project AND key = :key;

-- name: record_by_external
SELECT record FROM payload
WHERE organization = :organization AND project = :project AND external_id = :external_id ORDER BY round LIMIT 1;
