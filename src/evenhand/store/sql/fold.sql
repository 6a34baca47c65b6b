-- What each event does to the tables of the first kind. Nothing else writes them.

-- name: fold_organization!
INSERT INTO organization (id, name, created_ms) VALUES (:id, :name, :ms);

-- name: fold_member!
INSERT INTO member (organization, id, person, role, kind, state, created_ms)
VALUES (:organization, :id, :person, :role, :kind, 'active', :ms);

-- name: fold_member_changed!
UPDATE member SET role = :role, state = :state WHERE id = :id;

-- name: fold_pool!
INSERT INTO pool (id, organization, virtual) VALUES (:id, :organization, 0);

-- name: fold_project!
INSERT INTO project (organization, id, pool, seed, state, version, overlap, created_ms, changed_ms, tag, next_task,
  tasks, done, withdrawn, annotations, surplus, skipped, flagged)
VALUES (:organization, :id, :pool, :seed, 'active', 0, 1, :ms, :ms,
  (SELECT virtual FROM pool WHERE id = :pool), 1, 0, 0, 0, 0, 0, 0, 0);

-- name: fold_version!
INSERT INTO project_version (organization, project, version, document, created_ms)
VALUES (:organization, :project, :version, :document, :ms);

-- name: fold_project_version!
UPDATE project SET version = :version, overlap = :overlap, changed_ms = :ms WHERE id = :project;

-- name: fold_overlap!
-- Another overlap: open tasks may be done now, done ones open again.
UPDATE task SET overlap = :overlap,
  status = CASE WHEN status = 'withdrawn' THEN 'withdrawn' WHEN answered >= :overlap THEN 'done' ELSE 'open' END,
  free = CASE WHEN status = 'withdrawn' THEN 0 ELSE {max}(:overlap - answered - leased, 0) END
WHERE organization = :organization AND project = :project AND n >= :first AND n <= :last AND overlap <> :overlap
  AND status NOT IN ('gold', 'qualification');

-- name: done_between
SELECT count(*) FROM task
WHERE organization = :organization AND project = :project AND n >= :first AND n <= :last AND status = 'done';

-- name: fold_following!
-- A later version begins anew: all tasks follow the newest rules in the end.
INSERT INTO following (organization, project, version, upto, last)
SELECT organization, id, :version, 0, next_task - 1 FROM project
WHERE organization = :organization AND id = :project AND next_task > 1
ON CONFLICT (organization, project) DO UPDATE SET version = excluded.version, upto = 0, last = excluded.last;

-- name: fold_followed!
UPDATE following SET upto = :upto WHERE organization = :organization AND project = :project;

-- name: fold_all_followed!
DELETE FROM following WHERE organization = :organization AND project = :project AND upto >= last;

-- name: ranks_between
SELECT n, priority, rank FROM task
WHERE organization = :organization AND project = :project AND n >= :first AND n <= :last ORDER BY n;

-- name: fold_project_state!
-- Work that comes back starts at the pool's virtual time, so that nobody saves up a claim while away.
UPDATE project SET state = :state, changed_ms = :ms,
  tag = {max}(tag, (SELECT virtual FROM pool WHERE pool.id = project.pool)) WHERE id = :project;

-- name: fold_payload!
INSERT INTO payload (organization, project, task, round, salt, record, mapping, external_id)
VALUES (:organization, :project, :task, :round, :salt, :record, :mapping, :external_id);

-- name: fold_imported!
UPDATE project SET next_task = next_task + :count, tasks = tasks + :count,
  tag = CASE WHEN tasks - done > 0 THEN tag ELSE {max}(tag, (SELECT virtual FROM pool WHERE pool.id = project.pool)) END
WHERE id = :project;

-- name: fold_withdraw!
UPDATE task SET status = 'withdrawn', free = 0, changed_ms = :ms
WHERE organization = :organization AND project = :project AND n = :n AND status <> 'withdrawn';

-- name: fold_restore!
UPDATE task SET status = CASE WHEN answered >= overlap THEN 'done' ELSE 'open' END,
  free = {max}(overlap - answered - leased, 0), changed_ms = :ms
WHERE organization = :organization AND project = :project AND n = :n AND status = 'withdrawn';

-- name: fold_rank!
UPDATE task SET rank = :rank, priority = :priority, changed_ms = :ms
WHERE organization = :organization AND project = :project AND n = :n;

-- name: fold_unflag!
UPDATE task SET flagged = 0 WHERE organization = :organization AND project = :project AND n = :n;

-- name: fold_delete_flags!
DELETE FROM flag WHERE organization = :organization AND project = :project AND task = :n;

-- name: fold_counts!
-- Recount what bulk changes touched; they are rare, and a sum kept by hand would be one more thing to get wrong.
UPDATE project SET
  tasks = tasks - :withdrawn, withdrawn = withdrawn + :withdrawn, done = done + :done, flagged = flagged + :flagged
WHERE id = :project;

-- name: fold_corrected!
UPDATE task SET round = round + 1, answered = 0, leased = 0, changed_ms = :ms, further_ms = 0,
  status = CASE WHEN status = 'withdrawn' THEN 'withdrawn' ELSE 'open' END,
  free = CASE WHEN status = 'withdrawn' THEN 0 ELSE overlap END
WHERE organization = :organization AND project = :project AND n = :n;

-- name: fold_recalled!
UPDATE assignment SET state = 'recalled', closed_ms = :ms
WHERE organization = :organization AND project = :project AND task = :n AND state = 'live' AND state <> 'lapsed';

-- name: fold_drop_consensus!
DELETE FROM consensus WHERE organization = :organization AND project = :project AND task = :n;

-- name: fold_leased!
INSERT INTO assignment (organization, project, task, id, round, person, member, version, pool, window_n, state,
  opened_ms, expires_ms, closed_ms, seq, revision, ms, settled)
SELECT {r organization}, {r project}, {r task}, {r id}, {r round}, {r person}, {r member}, {r version}, {r pool},
  {r window_n}, 'live', {r opened_ms}, {r expires_ms}, 0, 0, 0, -1, 0
{rows organization text, project text, task bigint, id text, round bigint, person text, member text, version bigint,
  pool text, window_n bigint, opened_ms bigint, expires_ms bigint};

-- name: fold_task_leased!
UPDATE task SET leased = leased + {r more},
  free = CASE WHEN status = 'open' THEN {max}(overlap - answered - leased - {r more}, 0) ELSE 0 END
{rows organization text, project text, n bigint, more bigint}
WHERE task.organization = {r organization} AND task.project = {r project} AND task.n = {r n};

-- name: fold_task_unleased!
UPDATE task SET leased = leased - 1, free = CASE WHEN status = 'open' THEN {max}(overlap - answered - leased + 1, 0) ELSE 0 END
WHERE organization = :organization AND project = :project AND n = :task AND round = :round;

-- name: lapsed_tasks
SELECT organization, project, task, round FROM assignment WHERE id {in ids} ORDER BY organization, project, task;

-- name: fold_lapsed!
UPDATE assignment SET state = 'lapsed', closed_ms = :ms WHERE id = :id;

-- name: fold_settled!
UPDATE assignment SET settled = 1 WHERE id {in ids};

-- name: fold_tag!
UPDATE project SET tag = :tag WHERE organization = :organization AND id = :project;

-- name: fold_virtual!
UPDATE pool SET virtual = :virtual WHERE id = :id;

-- name: fold_renewed!
UPDATE assignment SET expires_ms = :expires_ms WHERE id = :id;

-- name: fold_submitted!
UPDATE assignment SET state = {r state}, closed_ms = {r at}, seq = {r seq}, revision = {r revision}, ms = {r ms},
  settled = 0
{rows id text, state text, at bigint, seq bigint, revision bigint, ms bigint}
WHERE assignment.id = {r id};

-- name: fold_task_answered!
UPDATE task SET leased = leased - {r ended}, answered = answered + {r more}, changed_ms = {max}(changed_ms, {r at}),
  status = CASE WHEN status = 'open' AND answered + {r more} >= overlap THEN 'done' ELSE status END,
  free = CASE WHEN status = 'open' THEN {max}(overlap - answered - {r more} - (leased - {r ended}), 0) ELSE 0 END
{rows organization text, project text, n bigint, more bigint, ended bigint, at bigint}
WHERE task.organization = {r organization} AND task.project = {r project} AND task.n = {r n};

-- name: fold_task_touched!
-- The later of both times: a fold of many groups at once counts answers first and comes here afterwards.
UPDATE task SET changed_ms = {max}(changed_ms, :at) WHERE organization = :organization AND project = :project AND n = :task;

-- name: fold_submit_counts!
UPDATE project SET annotations = annotations + :annotations, surplus = surplus + :surplus, done = done + :done,
  skipped = skipped + :skipped, flagged = flagged + :flagged
WHERE id = :project;

-- name: fold_tally!
INSERT INTO tally (organization, project, member, submitted, skipped, ms, last_ms)
SELECT {r organization}, {r project}, {r member}, {r submitted}, {r skipped}, {r ms}, {r at}
{rows organization text, project text, member text, submitted bigint, skipped bigint, ms bigint, at bigint}
WHERE true ON CONFLICT (organization, project, member) DO UPDATE SET submitted = tally.submitted + excluded.submitted,
  skipped = tally.skipped + excluded.skipped, ms = tally.ms + excluded.ms, last_ms = excluded.last_ms;

-- name: fold_day!
INSERT INTO day (organization, project, day, annotations) VALUES (:organization, :project, :day, :annotations)
ON CONFLICT (organization, project, day) DO UPDATE SET annotations = day.annotations + excluded.annotations;

-- name: fold_skipped!
UPDATE assignment SET state = 'skipped', closed_ms = :at, seq = :seq WHERE id = :id;

-- name: fold_flag!
INSERT INTO flag (organization, project, task, assignment, member, seq, at_ms)
VALUES (:organization, :project, :task, :assignment, :member, :seq, :at)
ON CONFLICT (organization, project, task, assignment) DO UPDATE SET seq = excluded.seq, at_ms = excluded.at_ms;

-- name: fold_task_flagged!
UPDATE task SET flagged = flagged + 1 WHERE organization = :organization AND project = :project AND n = :task;

-- name: fold_consensus!
INSERT INTO consensus (organization, project, task, value)
SELECT {r organization}, {r project}, {r task}, {r value}
{rows organization text, project text, task bigint, value bytea}
WHERE true ON CONFLICT (organization, project, task) DO UPDATE SET value = excluded.value;

-- name: fold_more_asked!
UPDATE task SET overlap = :overlap, status = 'open', free = {max}(:overlap - answered - leased, 0), changed_ms = :ms,
  further_ms = :further
WHERE organization = :organization AND project = :project AND n = :n;

-- name: fold_reorder!
UPDATE task SET rank = :rank WHERE organization = :organization AND project = :project AND n = :n;
