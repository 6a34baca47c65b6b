-- Pools that several organizations share, and who owns whom.

-- ---- what each event does ------------------------------------------------------------------------

-- name: fold_node_policy!
INSERT INTO node_policy (n, effective_from, document) VALUES (:n, :effective_from, :document);

-- name: fold_client!
INSERT INTO client (id, organization, record, public, rivals) VALUES (:id, :organization, :record, :public, :rivals)
ON CONFLICT (id) DO UPDATE SET record = excluded.record, public = excluded.public;

-- name: fold_rivals!
UPDATE client SET rivals = :rivals WHERE id = :client;

-- name: fold_entity!
INSERT INTO entity (id, organization, record, role) VALUES (:id, :organization, :record, :role)
ON CONFLICT (id) DO UPDATE SET record = excluded.record, role = excluded.role;

-- name: fold_ownership!
INSERT INTO ownership (record, source, type, status, n, ms, effective, document, statement)
VALUES (:record, :source, :type, :status, :n, :ms, :effective, :document, :statement)
ON CONFLICT (record) DO UPDATE SET type = excluded.type, status = excluded.status, n = excluded.n, ms = excluded.ms,
  effective = excluded.effective, document = excluded.document, statement = excluded.statement;

-- name: fold_shared_pool!
INSERT INTO shared_pool (id, language, band, qualification, virtual)
VALUES (:id, :language, :band, :qualification, 0);

-- name: fold_pool_policy!
INSERT INTO pool_policy (pool, n, effective_from, document) VALUES (:pool, :n, :effective_from, :document);

-- name: fold_pool_client!
INSERT INTO pool_client (pool, client, organization, state, band, exposure, tag, backlogged)
VALUES (:pool, :client, :organization, :state, :band, :exposure, 0, 0)
ON CONFLICT (pool, client) DO UPDATE SET state = excluded.state, band = excluded.band, exposure = excluded.exposure;

-- name: fold_enrolment!
INSERT INTO enrolment (pool, person, entity, member, state, band, languages, qualifications, available, suspended, idle)
VALUES (:pool, :person, :entity, :member, :state, :band, :languages, :qualifications, 1, 0, 0)
ON CONFLICT (pool, person) DO UPDATE SET entity = excluded.entity, member = excluded.member, state = excluded.state,
  band = excluded.band, languages = excluded.languages, qualifications = excluded.qualifications, available = 1, idle = 0;

-- name: fold_availability!
UPDATE enrolment SET available = :available, idle = CASE WHEN :available = 0 THEN 0 ELSE idle END
WHERE pool = :pool AND person = :person;

-- name: fold_suspension!
UPDATE enrolment SET suspended = :suspended WHERE pool = :pool AND person = :person;

-- name: fold_override!
INSERT INTO override_done (pool, n, act, subject, reason, at_ms) VALUES (:pool, :n, :act, :subject, :reason, :at);

-- name: fold_idle!
UPDATE enrolment SET idle = :idle WHERE pool = :pool AND person = :person;

-- name: fold_conflict!
INSERT INTO conflict (pool, client, entity, grade, rival, blocked, path, n, ms)
VALUES (:pool, :client, :entity, :grade, :rival, :blocked, :path, :n, :ms)
ON CONFLICT (pool, client, entity) DO UPDATE SET grade = excluded.grade, rival = excluded.rival,
  blocked = excluded.blocked, path = excluded.path, n = excluded.n, ms = excluded.ms;

-- name: fold_waiver!
INSERT INTO waiver (pool, client, entity, state, clock) VALUES (:pool, :client, :entity, :state, :clock)
ON CONFLICT (pool, client, entity) DO UPDATE SET state = excluded.state,
  clock = CASE WHEN excluded.clock > 0 THEN excluded.clock ELSE waiver.clock END;

-- name: fold_exposure!
INSERT INTO exposure (pool, client, entity, leases) VALUES (:pool, :client, :entity, 1)
ON CONFLICT (pool, client, entity) DO UPDATE SET leases = exposure.leases + 1;

-- name: fold_shared_lease!
INSERT INTO shared_lease (id, pool, client, entity, person, project, family, price, charge, weight, state)
VALUES (:id, :pool, :client, :entity, :person, :project, :family, :price, :charge, :weight, 'live');

-- name: fold_lease_state!
UPDATE shared_lease SET state = :state WHERE id = :id;

-- name: fold_lease_recalled!
UPDATE assignment SET state = 'recalled', closed_ms = :ms, settled = 1 WHERE id = :id;

-- name: fold_client_tag!
UPDATE pool_client SET tag = :tag WHERE pool = :pool AND client = :client;

-- name: fold_client_backlog!
UPDATE pool_client SET backlogged = :backlogged WHERE pool = :pool AND client = :client;

-- name: fold_shared_virtual!
UPDATE shared_pool SET virtual = :virtual WHERE id = :id;

-- name: fold_lent!
INSERT INTO lent (organization, person, member) VALUES (:organization, :person, :member);

-- name: fold_lent_member!
INSERT INTO member (organization, id, person, role, kind, state, created_ms)
VALUES (:organization, :member, :member, 'enrolled', :kind, 'active', :ms);

-- name: fold_project_pool!
-- The tag of a project counts only in a pool of its own organization, where it begins at the pool's virtual time.
UPDATE project SET pool = :pool, changed_ms = :ms, tag = (SELECT virtual FROM pool WHERE id = :pool) WHERE id = :project;

-- name: fold_unpooled!
DELETE FROM pooled WHERE project = :project;

-- name: fold_pooled!
-- Beside its client's other projects it begins where they are, or it alone would be served until it has caught up.
INSERT INTO pooled (project, client, pool, family, leases)
SELECT :project, c.id, :pool, :family,
  coalesce((SELECT min(o.leases) FROM pooled o WHERE o.pool = :pool AND o.client = c.id), 0)
FROM client c WHERE c.organization = :organization;

-- name: fold_pooled_leases!
UPDATE pooled SET leases = :leases WHERE project = :project;

-- name: fold_posting!
INSERT INTO posting (pool, project, posting, client, family, state, test)
VALUES (:pool, :project, :posting, :client, :family, :state, :test)
ON CONFLICT (pool, project) DO UPDATE SET family = excluded.family, state = excluded.state, test = excluded.test;

-- name: fold_admission!
INSERT INTO admission (pool, person, posting, admitted) VALUES (:pool, :person, :posting, :admitted)
ON CONFLICT (pool, person, posting) DO UPDATE SET admitted = excluded.admitted;

-- ---- who may work on what --------------------------------------------------------------------------

-- name: postings_of
-- A project's postings: one in each pool where it is, or was.
SELECT pool, posting, client, family, state, test FROM posting WHERE pool = :pool AND project = :project;

-- name: pooled_project
SELECT pool, client, family FROM pooled WHERE project = :project;

-- name: kind_of
-- Whether somebody who is enrolled in a shared pool is a person or a model.
SELECT m.kind FROM enrolment e JOIN member m ON m.id = e.member WHERE e.person = :person AND e.state = 'active' LIMIT 1;

-- name: heads_that_close
-- Heads of the pools where the gold of a project may close it to whoever answers these assignments, locked in
-- the order of their ids. Most nodes have none, and need not look at the assignments.
SELECT id, n, ms FROM stream WHERE id IN (
  SELECT p.pool FROM assignment a JOIN posting p ON p.project = a.project AND p.state = 'open'
  WHERE EXISTS (SELECT 1 FROM posting) AND a.id {in ids}
    AND EXISTS (SELECT 1 FROM gold g WHERE g.organization = a.organization AND g.project = a.project)
) ORDER BY id {lock};

-- name: open_posting
SELECT pool, posting, client, family, test FROM posting WHERE project = :project AND state = 'open';

-- name: unposted
-- Projects that were in shared pools before their postings were told.
SELECT o.project, c.organization FROM pooled o JOIN client c ON c.id = o.client
WHERE NOT EXISTS (SELECT 1 FROM posting p WHERE p.pool = o.pool AND p.project = o.project) ORDER BY o.project;

-- name: asking_postings
-- Those of a pool that nobody works on who was not admitted.
SELECT client, project, posting FROM posting WHERE pool = :pool AND state = 'open' AND test = 1;

-- name: admissions
-- What a pool's stream says about these people and postings that are open.
SELECT a.person, p.client, p.project, p.posting, p.test, a.admitted FROM admission a JOIN posting p ON p.posting = a.posting
WHERE a.pool = :pool AND a.person {in persons} AND p.state = 'open';

-- name: posting_counts
SELECT client, count(*) FROM posting WHERE pool = :pool AND client {in clients} AND state = 'open' GROUP BY client;

-- name: posting_admissions
SELECT person, admitted FROM admission WHERE posting = :posting;

-- name: lent_standings
-- What a project has found of those whom pools lend to its client; :member = '' for all of them.
SELECT l.person, s.member, s.state, s.qualified FROM standing s JOIN lent l ON l.member = s.member
WHERE s.organization = :organization AND s.project = :project AND (:member = '' OR s.member = :member) ORDER BY l.person;

-- name: tests_open
-- Postings with a test, in the pools where somebody works, of clients who may be served by them.
SELECT p.pool, p.project, p.client, q.organization, q.version, coalesce(a.admitted, 0) AS admitted
FROM enrolment e JOIN posting p ON p.pool = e.pool AND p.state = 'open' AND p.test = 1
JOIN project q ON q.id = p.project AND q.state = 'active'
LEFT JOIN admission a ON a.pool = p.pool AND a.person = e.person AND a.posting = p.posting
LEFT JOIN conflict c ON c.pool = p.pool AND c.client = p.client AND c.entity = e.entity
WHERE e.person = :person AND e.state = 'active' AND e.suspended = 0 AND coalesce(c.blocked, 0) = 0
ORDER BY p.pool, p.project;

-- ---- windows -------------------------------------------------------------------------------------

-- name: pools_enrolled
-- The shared pools where these people take work.
SELECT pool, person FROM enrolment
WHERE EXISTS (SELECT 1 FROM enrolment) AND person {in persons} AND state = 'active' AND available = 1 AND suspended = 0
ORDER BY pool;

-- name: shared_pool
SELECT id, language, band, qualification, virtual FROM shared_pool WHERE id = :pool;

-- name: pool_policies
SELECT n, effective_from, document FROM pool_policy WHERE pool = :pool ORDER BY n;

-- name: pool_policy_number
SELECT n FROM pool_policy WHERE pool = :pool AND effective_from <= :n ORDER BY n DESC LIMIT 1;

-- name: pool_policy_at
SELECT document FROM pool_policy WHERE pool = :pool AND effective_from <= :n ORDER BY n DESC LIMIT 1;

-- name: fold_closing!
INSERT INTO pool_closing (pool, n, seq, at_ms, leaf, candidates, round, waiting)
VALUES (:pool, :n, :seq, :ms, :leaf, :candidates, :round, :waiting);

-- name: fold_closing_over!
DELETE FROM pool_closing WHERE pool = :pool;

-- name: fold_beacon!
INSERT INTO beacon (n, document) VALUES (:n, :document);

-- name: pool_closing
SELECT pool, n, seq, at_ms, leaf, candidates, round, waiting FROM pool_closing WHERE pool = :pool;

-- name: pool_closings
SELECT pool, n, seq, at_ms, leaf, candidates, round, waiting FROM pool_closing ORDER BY pool;

-- name: newest_beacon
SELECT n, document FROM beacon ORDER BY n DESC LIMIT 1;

-- name: pool_clients
SELECT client, organization, tag, backlogged, band, exposure, state FROM pool_client
WHERE pool = :pool ORDER BY client;

-- name: pool_open
-- Clients with a free slot in one of their active projects here: asked once for all of them, not for each.
SELECT DISTINCT o.client FROM pooled o JOIN project q ON q.id = o.project
WHERE o.pool = :pool AND q.state = 'active' AND q.tasks > q.done
  AND EXISTS (SELECT 1 FROM task t WHERE t.organization = q.organization AND t.project = q.id AND t.free > 0);

-- name: pool_open_again
-- Of the clients who have one of these projects here: each project, and whether it has a free slot.
SELECT o.client, CASE WHEN q.state = 'active' AND q.tasks > q.done
  AND EXISTS (SELECT 1 FROM task t WHERE t.organization = q.organization AND t.project = q.id AND t.free > 0)
  THEN 1 ELSE 0 END
FROM pooled o JOIN project q ON q.id = o.project
WHERE o.pool = :pool AND o.client IN (SELECT p.client FROM pooled p WHERE p.project {in projects});

-- name: assignment_projects
SELECT DISTINCT project FROM assignment WHERE id {in ids};

-- name: pool_projects_of
SELECT project, client FROM pooled WHERE pool = :pool;

-- name: pool_blocked
SELECT client, entity FROM conflict WHERE pool = :pool AND blocked = 1;

-- name: pool_exposure
-- Of the clients who set a limit.
SELECT e.client, e.entity, e.leases FROM pool_client c JOIN exposure e ON e.pool = c.pool AND e.client = c.client
WHERE c.pool = :pool AND c.exposure > 0;

-- name: pool_seats
SELECT e.person, e.entity, e.band, e.languages, e.qualifications, e.available, e.suspended, e.idle, e.state, m.kind
FROM enrolment e JOIN member m ON m.id = e.member WHERE e.pool = :pool AND e.person {in persons};

-- name: client_projects
SELECT q.organization, q.id, q.version, o.family, o.leases
FROM pooled o JOIN project q ON q.id = o.project
WHERE o.pool = :pool AND o.client {in clients} AND q.state = 'active' AND q.tasks > q.done ORDER BY q.id;

-- name: free_tasks_all
-- As free_tasks, and waits for what others hold: to leave a task out would be to say that there is none.
SELECT n, free, round, rank FROM task t
WHERE organization = :organization AND project = :project AND free > 0 ORDER BY rank LIMIT :limit {lock_task};

-- name: unseen_tasks_all
SELECT t.n, t.free, t.round, t.rank FROM task t
WHERE t.organization = :organization AND t.project = :project AND t.free > 0
  AND NOT EXISTS (SELECT 1 FROM assignment a WHERE a.organization = t.organization AND a.project = t.project
    AND a.task = t.n AND a.round = t.round AND a.person {in persons} AND a.state <> 'lapsed')
ORDER BY t.rank LIMIT :limit {lock_task};

-- name: entity_persons
-- Everybody who works, or has worked, for these entities in this pool.
SELECT person, entity FROM enrolment WHERE pool = :pool AND entity {in entities};

-- name: shared_unsettled
SELECT a.id, e.stream, e.n, a.state, l.client, l.price, l.charge, l.weight, l.state
FROM assignment a JOIN event e ON e.seq = a.seq JOIN shared_lease l ON l.id = a.id
WHERE a.pool = :pool AND a.settled = 0 AND a.seq > 0 ORDER BY a.id LIMIT :limit;

-- name: shared_changed
SELECT l.id, l.client, l.price, l.charge, l.weight, l.state FROM assignment a JOIN shared_lease l ON l.id = a.id
WHERE a.pool = :pool AND a.state = 'recalled' AND a.settled = 0 AND l.state = 'live' ORDER BY l.id LIMIT :limit;

-- name: shared_lapsed
SELECT l.id, l.client, l.price, l.charge, l.weight, l.state FROM assignment a JOIN shared_lease l ON l.id = a.id
WHERE a.pool = :pool AND a.state = 'live' AND a.expires_ms <= :now ORDER BY a.expires_ms, a.id LIMIT :limit;

-- name: lent_of
SELECT organization, person, member FROM lent WHERE person {in persons};

-- name: lent_to
SELECT organization, person, member FROM lent WHERE organization = :organization AND person {in persons};

-- name: lent_named
SELECT organization, member FROM lent WHERE member = :member;

-- name: lent_open
-- Whether a lease of a shared pool may still be worked on by the one who has it.
SELECT coalesce(c.blocked, 0) AS blocked, a.state FROM shared_lease l JOIN assignment a ON a.id = l.id
LEFT JOIN conflict c ON c.pool = l.pool AND c.client = l.client AND c.entity = l.entity
WHERE l.id = :id;

-- name: lent_project
-- Whether somebody works, or has worked, on a project out of a shared pool, and may see its form.
SELECT 1 AS one FROM shared_lease l JOIN assignment a ON a.id = l.id
LEFT JOIN conflict c ON c.pool = l.pool AND c.client = l.client AND c.entity = l.entity
WHERE l.person = :person AND l.project = :project AND a.state <> 'recalled' AND coalesce(c.blocked, 0) = 0 LIMIT 1;

-- name: tested_project
-- Whether somebody may take a project's test in a shared pool, and so may see its form.
SELECT 1 AS one FROM posting p JOIN enrolment e ON e.pool = p.pool AND e.person = :person
LEFT JOIN conflict c ON c.pool = p.pool AND c.client = p.client AND c.entity = e.entity
WHERE p.project = :project AND p.state = 'open' AND p.test = 1 AND e.state = 'active' AND e.suspended = 0
  AND coalesce(c.blocked, 0) = 0 LIMIT 1;

-- name: live_shared
SELECT l.id, l.client, l.price, l.charge, l.weight, l.state FROM shared_lease l JOIN assignment a ON a.id = l.id
WHERE l.pool = :pool AND l.state = 'live' AND a.state = 'live' AND (:client = '' OR l.client = :client)
  AND (:entity = '' OR l.entity = :entity) AND (:person = '' OR l.person = :person) ORDER BY l.id;

-- name: client_tags
SELECT client, tag FROM pool_client WHERE pool = :pool;

-- ---- the operator's, the clients' and the providers' verbs ---------------------------------------------

-- name: shared_pools
SELECT s.id, s.language, s.band, s.qualification, s.virtual,
  (SELECT count(*) FROM pool_client c WHERE c.pool = s.id AND c.state = 'active') AS clients,
  (SELECT count(*) FROM enrolment e WHERE e.pool = s.id AND e.state = 'active') AS annotators
FROM shared_pool s ORDER BY s.id;

-- name: clients
SELECT c.id, c.organization, c.record, c.public, c.rivals, o.name FROM client c
JOIN organization o ON o.id = c.organization ORDER BY c.id;

-- name: client_of
SELECT id, organization, record, public, rivals FROM client WHERE organization = :organization;

-- name: entities
SELECT e.id, e.organization, e.record, e.role, coalesce(o.name, '') AS name FROM entity e
LEFT JOIN organization o ON o.id = e.organization ORDER BY e.id;

-- name: entities_of
SELECT id, organization, record, role FROM entity WHERE organization = :organization ORDER BY id;

-- name: pool_members
SELECT c.client, c.organization, c.state, c.band, c.exposure, c.tag, c.backlogged, o.name FROM pool_client c
JOIN organization o ON o.id = c.organization WHERE c.pool = :pool ORDER BY c.client;

-- name: pool_enrolments
SELECT e.person, e.member, e.entity, e.state, e.band, e.languages, e.qualifications, e.available, e.suspended,
  coalesce(p.name, '') AS name FROM enrolment e LEFT JOIN person p ON p.id = e.person
WHERE e.pool = :pool AND (:entity = '' OR e.entity = :entity) ORDER BY e.person;

-- name: enrolments_of
SELECT pool, person, entity, member, state, available, suspended FROM enrolment WHERE person = :person;

-- name: pool_done
-- How many answers somebody gave in a shared pool.
SELECT count(*) FROM shared_lease l JOIN assignment a ON a.id = l.id
WHERE l.person = :person AND l.pool = :pool AND a.seq > 0 AND a.state IN ('submitted', 'surplus');

-- name: pool_entities
-- The entities that count in a pool: those with annotators there, and the operators.
SELECT DISTINCT e.id, e.record, e.role FROM entity e
LEFT JOIN enrolment n ON n.entity = e.id AND n.pool = :pool
WHERE n.pool IS NOT NULL OR e.role = 'operator' ORDER BY e.id;

-- name: pool_conflicts
SELECT client, entity, grade, rival, blocked, path, n, ms FROM conflict WHERE pool = :pool ORDER BY client, entity;

-- name: pool_waivers
SELECT client, entity, state FROM waiver WHERE pool = :pool;

-- name: ownership_all
SELECT record, source, type, status, n, ms, effective, document, statement FROM ownership ORDER BY record;

-- name: node_entries
-- With every statement of ownership that was ever filed.
SELECT entry FROM event WHERE stream = 'node' ORDER BY n;

-- name: ownership_sources
SELECT source, record, status FROM ownership WHERE source {in sources};

-- name: node_policies
SELECT n, effective_from, document FROM node_policy ORDER BY n;

-- name: pooled_projects
SELECT o.project, o.client, o.pool, o.family, o.leases FROM pooled o WHERE o.client = :client ORDER BY o.project;

-- name: pool_families
SELECT DISTINCT family FROM pooled WHERE pool = :pool;

-- name: override_used
SELECT n FROM override_done WHERE pool = :pool AND subject = :subject AND at_ms = :at;

-- name: overrides_of
SELECT pool, n, act, subject, reason, at_ms FROM override_done WHERE pool = :pool ORDER BY n;
