-- Which projects' words are in the index, and what is yet to go in.

-- name: search_project
SELECT slot, upto FROM search_project WHERE organization = :organization AND project = :project {lock};

-- name: searchable
-- The same for a reader, which locks nothing.
SELECT slot, upto FROM search_project WHERE organization = :organization AND project = :project;

-- name: search_behind
SELECT p.organization, p.id, COALESCE(s.upto, 0) AS upto, p.next_task FROM project p
LEFT JOIN search_project s ON s.organization = p.organization AND s.project = p.id
WHERE p.next_task > COALESCE(s.upto, 0) + 1 ORDER BY p.organization, p.id;

-- name: open_search!
INSERT INTO search_project (organization, project, slot, upto)
SELECT :organization, :project, COALESCE(max(slot), 0) + 1, 0 FROM search_project WHERE true
ON CONFLICT (organization, project) DO NOTHING;

-- name: search_taken!
UPDATE search_project SET upto = :upto WHERE organization = :organization AND project = :project;

-- name: search_records
SELECT p.task, p.record FROM payload p
JOIN task t ON t.organization = p.organization AND t.project = p.project AND t.n = p.task AND t.round = p.round
WHERE p.organization = :organization AND p.project = :project AND p.task > :after AND p.task <= :last ORDER BY p.task;

-- name: corrections
SELECT count(*) FROM payload
WHERE organization = :organization AND project = :project AND task > :after AND task <= :last AND round > 1;

-- name: suiting
SELECT n FROM task WHERE organization = :organization AND project = :project AND n {in tasks}
  AND (:status = '' OR status = :status) AND flagged >= :flagged ORDER BY n;

-- name: answered_by
SELECT DISTINCT task FROM assignment WHERE organization = :organization AND project = :project
  AND task {in tasks} AND member = :member AND seq > 0 AND state <> 'lapsed';
