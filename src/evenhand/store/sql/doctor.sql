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
SELECT organization, project, n, rank, status, free, leased, answered, overlap, round, flagged, priority, created_ms, changed_ms, further_ms FROM task ORDER BY organization {collate}, project {collate}, n;

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

-- name: walk_node_policy
SELECT n, effective_from, document FROM node_policy ORDER BY n;

-- name: walk_client
SELECT id, organization, record, public, rivals FROM client ORDER BY id {collate};

-- name: walk_entity
SELECT id, organization, record, role FROM entity ORDER BY id {collate};

-- name: walk_ownership
SELECT record, source, type, status, n, ms, effective, document, statement FROM ownership ORDER BY record {collate};

-- name: walk_shared_pool
SELECT id, language, band, qualification, virtual FROM shared_pool ORDER BY id {collate};

-- name: walk_pool_policy
SELECT pool, n, effective_from, document FROM pool_policy ORDER BY pool {collate}, n;

-- name: walk_pool_client
SELECT pool, client, organization, state, band, exposure, tag, backlogged FROM pool_client
ORDER BY pool {collate}, client {collate};

-- name: walk_enrolment
SELECT pool, person, entity, member, state, band, languages, qualifications, available, suspended, idle FROM enrolment
ORDER BY pool {collate}, person {collate};

-- name: walk_conflict
SELECT pool, client, entity, grade, rival, blocked, path, n, ms FROM conflict
ORDER BY pool {collate}, client {collate}, entity {collate};

-- name: walk_waiver
SELECT pool, client, entity, state, clock FROM waiver
ORDER BY pool {collate}, client {collate}, entity {collate};

-- name: walk_signing_key
SELECT holder, id, public, n, seq, added_ms, revoked_ms FROM signing_key ORDER BY holder {collate}, id {collate};

-- name: walk_signing_policy
SELECT n, kinds, since_ms, whose FROM signing_policy ORDER BY n;

-- name: walk_said
SELECT id FROM said ORDER BY id {collate};

-- name: walk_pool_closing
SELECT pool, n, seq, at_ms, leaf, candidates, round, waiting FROM pool_closing ORDER BY pool {collate};

-- name: walk_beacon
SELECT n, document FROM beacon ORDER BY n;

-- name: walk_exposure
SELECT pool, client, entity, leases FROM exposure ORDER BY pool {collate}, client {collate}, entity {collate};

-- name: walk_shared_lease
SELECT id, pool, client, entity, person, project, family, price, charge, weight, state FROM shared_lease
ORDER BY id {collate};

-- name: walk_lent
SELECT organization, person, member FROM lent ORDER BY organization {collate}, person {collate};

-- name: walk_pooled
SELECT project, client, pool, family, leases FROM pooled ORDER BY project {collate};

-- name: walk_override_done
SELECT pool, n, act, subject, reason, at_ms FROM override_done ORDER BY pool {collate}, n;

-- name: walk_posting
SELECT * FROM posting ORDER BY pool {collate}, project {collate};

-- name: walk_admission
SELECT * FROM admission ORDER BY pool {collate}, person {collate}, posting {collate};

-- name: walk_share
SELECT * FROM share ORDER BY organization {collate}, id {collate};

-- name: walk_share_task
SELECT * FROM share_task ORDER BY organization {collate}, share {collate}, n;

-- name: walk_share_letter
SELECT * FROM share_letter ORDER BY organization {collate}, share {collate}, way {collate}, seq;
