-- Models that suggest answers, and what they said.

-- name: put_backend!
INSERT INTO backend (organization, project, id, url, title, token, login, counts, interactive, training, version, state, reason,
                     place, total, predicted, tries, next_ms, created_ms)
VALUES (:organization, :project, :id, :url, :title, :token, :login, :counts, :interactive, :training, :version, 'ready', '',
        0, 0, 0, 0, 0, :at);

-- name: backends
SELECT * FROM backend WHERE organization = :organization AND project = :project ORDER BY created_ms, id;

-- name: backend
SELECT * FROM backend WHERE id = :id;

-- name: delete_backend!
DELETE FROM backend WHERE organization = :organization AND project = :project AND id = :id;

-- name: delete_suggestions_of_backend!
DELETE FROM suggestion WHERE organization = :organization AND project = :project AND backend = :backend;

-- name: delete_suggestions_of_task!
DELETE FROM suggestion WHERE organization = :organization AND project = :project AND task = :task;

-- name: begin_predicting!
UPDATE backend SET state = 'predicting', reason = '', place = -1, total = 0, predicted = 0, tries = 0, next_ms = :at
WHERE organization = :organization AND project = :project AND id = :id;

-- name: set_predicting!
UPDATE backend SET state = :state, reason = :reason, place = :place, total = total + :asked,
  predicted = predicted + :said, tries = :tries, next_ms = :next_ms, version = :version
WHERE organization = :organization AND project = :project AND id = :id AND state = 'predicting';

-- name: predicting
SELECT * FROM backend WHERE state = 'predicting' AND next_ms <= :now ORDER BY next_ms LIMIT 8;

-- name: tasks_to_predict
-- Open tasks behind a place, of which this version of the model has not said anything yet; those with known
-- answers among them, or annotators would know them by the suggestion that is missing.
SELECT t.n, t.round, p.record, p.mapping FROM task t
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round
LEFT JOIN suggestion s ON s.organization = t.organization AND s.project = t.project AND s.task = t.n
  AND s.round = t.round AND s.backend = :backend AND s.version = :version
WHERE t.organization = :organization AND t.project = :project AND t.n > :after AND t.status IN ('open', 'gold')
  AND p.task > :after AND s.task IS NULL
ORDER BY t.n LIMIT :limit;

-- name: put_suggestion!
INSERT INTO suggestion (organization, project, task, round, backend, answers, score, version)
VALUES (:organization, :project, :task, :round, :backend, :answers, :score, :version)
ON CONFLICT (organization, project, task, round, backend)
DO UPDATE SET answers = excluded.answers, score = excluded.score, version = excluded.version;

-- name: suggestions
SELECT task, round, answers, score FROM suggestion
WHERE organization = :organization AND project = :project AND task {in tasks};

-- name: suggestions_between
SELECT s.task, s.answers, s.score FROM suggestion s
JOIN task t ON t.organization = s.organization AND t.project = s.project AND t.n = s.task AND t.round = s.round
WHERE s.organization = :organization AND s.project = :project AND s.task BETWEEN :first AND :last;

-- name: asked_backend
-- The backend that annotators of a project may ask; the first that was connected.
SELECT id, url, login, title FROM backend
WHERE organization = :organization AND project = :project AND interactive = 1 ORDER BY created_ms, id LIMIT 1;

-- name: brought_tasks_by_number
-- As `brought_tasks`, by the numbers of the tasks; locked, for their counts decide.
SELECT t.n, t.n, t.round, t.status, t.free, t.leased, t.answered, t.overlap, p.record, p.mapping
FROM task t
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round
WHERE t.organization = :organization AND t.project = :project AND t.n {in tasks}
ORDER BY t.n {lock_task};

-- name: annotations_outdated
-- What was answered to earlier data of a task.
SELECT a.id FROM assignment a
JOIN task t ON t.organization = a.organization AND t.project = a.project AND t.n = a.task AND t.round > a.round
WHERE a.organization = :organization AND a.project = :project AND a.task = :task
  AND a.state IN ('submitted', 'surplus') AND a.state <> 'lapsed' ORDER BY a.id;
