-- The front that speaks Scale's API: its names for our projects and tasks.

-- part: scale_task_and_ours
scale_task s LEFT JOIN task t ON s.task > 0 AND t.organization = s.organization AND t.project = s.project AND t.n = s.task;

-- part: scale_state
CASE WHEN s.status <> '' THEN s.status WHEN t.status = 'done' THEN 'completed'
    WHEN t.status = 'withdrawn' THEN 'canceled' ELSE 'pending' END AS state;

-- part: scale_columns
s.id, s.test, s.kind, s.type, s.scale_project, s.batch, s.project, s.task, s.unique_id, s.tags, s.metadata, s.callback, s.called,
  s.review, s.comments, s.response, s.created_ms,
  {max}(s.updated_ms, COALESCE(t.changed_ms, 0)) AS changed_ms, COALESCE(t.priority, 0) AS priority,
  COALESCE((SELECT max(a.closed_ms) FROM assignment a WHERE a.organization = s.organization AND a.project = s.project
    AND a.task = s.task AND a.state = 'submitted'), s.created_ms) AS done_ms,
  {part scale_state};

-- part: scale_whole
JOIN scale_task s2 ON s2.organization = :organization AND s2.id = q.id
LEFT JOIN task t2 ON q.task > 0 AND t2.organization = :organization AND t2.project = q.project AND t2.n = q.task
LEFT JOIN payload p ON p.organization = :organization AND p.project = q.project AND p.task = q.task AND p.round = t2.round
LEFT JOIN consensus c ON c.organization = :organization AND c.project = q.project AND c.task = q.task;

-- part: scale_wanted
WHERE (:status = '' OR q.state = :status) AND (:type = '' OR q.type = :type)
  AND q.created_ms >= :start AND q.created_ms < :stop AND q.changed_ms >= :updated_after AND q.changed_ms < :updated_before
  AND (:completed = 0 OR (q.state = 'completed' AND q.done_ms >= :completed_after AND q.done_ms < :completed_before))
  AND (:reviewed = 0 OR q.review {in reviews})
  AND (:tagged = 0 OR EXISTS (SELECT 1 FROM scale_tag g WHERE g.organization = :organization AND g.id = q.id AND g.tag {in tags}));

-- name: put_scale_project!
INSERT INTO scale_project (organization, test, name, id, type, versions, staging, created_ms)
VALUES (:organization, :test, :name, :id, :type, :versions, :staging, :at)
ON CONFLICT (organization, test, name) DO NOTHING;

-- name: scale_project
SELECT name, id, type, versions, staging, created_ms FROM scale_project
WHERE organization = :organization AND test = :test AND (name = :name OR id = :name) ORDER BY CASE WHEN name = :name THEN 0 ELSE 1 END;

-- name: scale_projects
SELECT name, id, type, versions, staging, created_ms FROM scale_project
WHERE organization = :organization AND test = :test ORDER BY created_ms, name;

-- name: set_scale_versions!
UPDATE scale_project SET versions = :versions WHERE organization = :organization AND test = :test AND name = :name;

-- name: put_scale_batch!
INSERT INTO scale_batch (organization, test, name, id, project, status, callback, called, metadata, priority, groups, created_ms)
VALUES (:organization, :test, :name, :id, :project, :status, :callback, 0, :metadata, 0, '[]', :at)
ON CONFLICT (organization, test, name) DO NOTHING;

-- name: scale_batch
SELECT name, id, project, status, callback, called, metadata, priority, groups, created_ms FROM scale_batch
WHERE organization = :organization AND test = :test AND (name = :name OR id = :name) ORDER BY CASE WHEN name = :name THEN 0 ELSE 1 END;

-- name: scale_batches
SELECT name, id, project, status, callback, called, metadata, priority, groups, created_ms FROM scale_batch
WHERE organization = :organization AND test = :test AND (:project = '' OR project = :project)
  AND created_ms >= :start AND created_ms < :stop ORDER BY created_ms DESC, id DESC;

-- name: scale_batches_named
SELECT name, project, status, callback FROM scale_batch
WHERE organization = :organization AND test = :test AND name {in names};

-- name: set_scale_batch!
UPDATE scale_batch SET status = :status, metadata = :metadata, priority = :priority, groups = :groups
WHERE organization = :organization AND test = :test AND name = :name;

-- name: scale_batch_counts
SELECT s.batch, {part scale_state}, count(*), max({max}(s.updated_ms, COALESCE(t.changed_ms, 0)))
FROM {part scale_task_and_ours}
WHERE s.organization = :organization AND s.test = :test AND s.kind = 'task' AND s.batch {in names} GROUP BY 1, 2;

-- name: scale_batch_tasks
SELECT s.id, s.project, s.task, s.status, s.body, t.status AS now FROM {part scale_task_and_ours}
WHERE s.organization = :organization AND s.test = :test AND s.batch = :batch AND s.kind = 'task' ORDER BY s.id;

-- name: put_scale_form!
INSERT INTO scale_form (organization, digest, scale_project, project)
VALUES (:organization, :digest, :scale_project, :project) ON CONFLICT (organization, digest) DO NOTHING;

-- name: scale_forms
SELECT digest, project FROM scale_form WHERE organization = :organization AND digest {in digests};

-- name: scale_form_count
SELECT count(*) FROM scale_form WHERE organization = :organization AND scale_project = :scale_project;

-- name: scale_uniques
SELECT unique_id, id FROM scale_task WHERE organization = :organization AND test = :test AND unique_id {in uniques};

-- name: scale_task_state
SELECT {part scale_columns}, s.body
FROM {part scale_task_and_ours}
WHERE s.organization = :organization AND s.test = :test AND s.id = :id;

-- name: scale_tasks_named
SELECT q.*, COALESCE(p.record, s2.body) AS record, COALESCE(p.mapping, '{}') AS mapping, c.value AS consensus
FROM (SELECT {part scale_columns}
  FROM {part scale_task_and_ours}
  WHERE s.organization = :organization AND s.test = :test AND s.id {in ids}) q
{part scale_whole}
ORDER BY q.id;

-- name: scale_task_of
SELECT id, test FROM scale_task WHERE organization = :organization AND project = :project AND task = :task;

-- name: scale_tasks_in_projects
SELECT q.*, COALESCE(p.record, s2.body) AS record, COALESCE(p.mapping, '{}') AS mapping, c.value AS consensus
FROM (SELECT {part scale_columns}
  FROM {part scale_task_and_ours}
  WHERE s.organization = :organization AND s.test = :test AND s.kind = 'task' AND s.scale_project {in projects} AND s.id > :after) q
{part scale_whole}
{part scale_wanted}
ORDER BY q.id LIMIT :limit;

-- name: scale_count_in_projects
SELECT count(*) FROM (SELECT {part scale_columns}
  FROM {part scale_task_and_ours}
  WHERE s.organization = :organization AND s.test = :test AND s.kind = 'task' AND s.scale_project {in projects}) q
{part scale_wanted};

-- name: scale_tasks_in_batch
SELECT q.*, COALESCE(p.record, s2.body) AS record, COALESCE(p.mapping, '{}') AS mapping, c.value AS consensus
FROM (SELECT {part scale_columns}
  FROM {part scale_task_and_ours}
  WHERE s.organization = :organization AND s.test = :test AND s.kind = 'task' AND s.batch = :batch AND s.scale_project {in projects} AND s.id > :after) q
{part scale_whole}
{part scale_wanted}
ORDER BY q.id LIMIT :limit;

-- name: scale_count_in_batch
SELECT count(*) FROM (SELECT {part scale_columns}
  FROM {part scale_task_and_ours}
  WHERE s.organization = :organization AND s.test = :test AND s.kind = 'task' AND s.batch = :batch AND s.scale_project {in projects}) q
{part scale_wanted};

-- name: set_scale_status!
UPDATE scale_task SET status = :status, unique_id = CASE WHEN :clear = 1 THEN NULL ELSE unique_id END, updated_ms = :at
WHERE organization = :organization AND id = :id;

-- name: set_scale_number!
UPDATE scale_task SET task = :task, body = NULL WHERE organization = :organization AND id = :id;

-- name: set_scale_review!
UPDATE scale_task SET review = :review, comments = :comments, updated_ms = :at WHERE organization = :organization AND id = :id;

-- name: set_scale_unique!
UPDATE scale_task SET unique_id = :unique_id, updated_ms = :at WHERE organization = :organization AND id = :id;

-- name: set_scale_metadata!
UPDATE scale_task SET metadata = :metadata, updated_ms = :at WHERE organization = :organization AND id = :id;

-- name: set_scale_tags!
UPDATE scale_task SET tags = :tags, updated_ms = :at WHERE organization = :organization AND id = :id;

-- name: delete_scale_tags!
DELETE FROM scale_tag WHERE organization = :organization AND id = :id;

-- name: put_scale_file!
INSERT INTO scale_file (organization, test, id, sha256, name, reference_id, projects, metadata, created_ms)
VALUES (:organization, :test, :id, :sha256, :name, :reference_id, :projects, :metadata, :at);

-- name: scale_file_by_reference
SELECT id FROM scale_file WHERE organization = :organization AND test = :test AND reference_id = :reference_id;

-- name: scale_files
SELECT f.id, f.sha256, b.type, b.width, b.height, b.bytes FROM scale_file f
JOIN blob b ON b.organization = f.organization AND b.sha256 = f.sha256
WHERE f.organization = :organization AND f.test = :test AND f.id {in ids};

-- name: put_scale_group!
INSERT INTO scale_group (organization, test, project, name, id, emails)
VALUES (:organization, :test, :project, :name, :id, :emails) ON CONFLICT (organization, test, project, name) DO NOTHING;

-- name: scale_groups
SELECT id, name, emails FROM scale_group WHERE organization = :organization AND test = :test AND project = :project ORDER BY name;

-- name: set_scale_group!
UPDATE scale_group SET emails = :emails WHERE organization = :organization AND test = :test AND project = :project AND name = :name;

-- name: scale_assigned
SELECT email, project FROM scale_assigned WHERE organization = :organization AND test = :test ORDER BY email, project;

-- name: put_scale_assigned!
INSERT INTO scale_assigned (organization, test, email, project) VALUES (:organization, :test, :email, :project)
ON CONFLICT (organization, test, email, project) DO NOTHING;

-- name: delete_scale_assigned!
DELETE FROM scale_assigned WHERE organization = :organization AND test = :test AND email = :email AND project = :project;
