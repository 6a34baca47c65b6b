-- Whole tables in the order of their keys, for the doctor. Text sorts by code point on both databases.

-- name: walk_stream
SELECT id, n, ms FROM stream ORDER BY id {collate};

-- name: walk_organization
SELECT id, name, created_ms FROM organization ORDER BY id {collate};

-- name: walk_member
SELECT organization, id, person, role, kind, state, created_ms FROM member ORDER BY organization {collate}, id {collate};

-- name: walk_pool
SELECT id, organization, virtual FROM pool ORDER BY id {collate};

-- name: walk_project
SELECT organization, id, pool, seed, state, version, overlap, created_ms, changed_ms, tag, next_task, tasks, done, withdrawn, annotations, surplus, skipped, flagged FROM project ORDER BY organization {collate}, id {collate};

-- name: walk_following
SELECT organization, project, version, upto, last FROM following ORDER BY organization {collate}, project {collate};

-- name: walk_project_version
SELECT organization, project, version, document, created_ms FROM project_version ORDER BY organization {collate}, project {collate}, version;

-- name: walk_task
SELECT organization, project, n, rank, status, free, leased, answered, overlap, round, flagged, priority, created_ms, changed_ms FROM task ORDER BY organization {collate}, project {collate}, n;

-- name: walk_assignment
SELECT organization, project, task, id, round, person, member, version, pool, window_n, state, opened_ms, expires_ms, closed_ms, seq, revision, ms, settled FROM assignment ORDER BY id {collate};

-- name: walk_consensus
SELECT organization, project, task, value FROM consensus ORDER BY organization {collate}, project {collate}, task;

-- name: walk_flag
SELECT organization, project, task, assignment, member, seq, at_ms FROM flag ORDER BY organization {collate}, project {collate}, task, assignment {collate};

-- name: walk_tally
SELECT organization, project, member, submitted, skipped, ms, last_ms FROM tally ORDER BY organization {collate}, project {collate}, member {collate};

-- name: walk_day
SELECT organization, project, day, annotations FROM day ORDER BY organization {collate}, project {collate}, day;

-- name: walk_payload
SELECT organization, project, task, round, salt, record, mapping, external_id FROM payload ORDER BY organization {collate}, project {collate}, task, round;

-- name: import_records
SELECT salt, record FROM payload
WHERE organization = :organization AND project = :project AND task >= :first AND task <= :last AND round = 1 ORDER BY task;

-- name: walk_gold
SELECT * FROM gold ORDER BY organization {collate}, project {collate}, task;

-- name: walk_standing
SELECT * FROM standing ORDER BY organization {collate}, project {collate}, member {collate};

-- name: walk_test
SELECT * FROM test ORDER BY organization {collate}, project {collate}, member {collate}, attempt;

-- name: walk_effort
SELECT * FROM effort ORDER BY organization {collate}, project {collate}, member {collate}, rate {collate};

-- name: walk_statement
SELECT * FROM statement ORDER BY organization {collate}, project {collate}, number, member {collate}, currency {collate};
