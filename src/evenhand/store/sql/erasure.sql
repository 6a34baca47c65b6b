-- Erasure: values and salts go, everything that was hashed stays.

-- name: stream_events
-- Events of a stream with their openings, in pieces.
SELECT e.seq, e.n, e.entry, o.body, o.organization FROM event e JOIN opening o ON o.seq = e.seq
WHERE e.stream = :stream AND e.n > :n ORDER BY e.n LIMIT :limit;

-- name: put_erased!
UPDATE opening SET body = :body WHERE seq = :seq;

-- name: task_persons
-- Who has had an assignment or a review of a task, or a test in its project.
SELECT person FROM assignment WHERE organization = :organization AND project = :project AND task = :task AND state <> 'lapsed'
UNION SELECT a.person FROM flag f JOIN assignment a ON a.id = f.assignment
WHERE f.organization = :organization AND f.project = :project AND f.task = :task
UNION SELECT person FROM review WHERE organization = :organization AND project = :project AND task = :task
UNION SELECT m.person FROM test t JOIN member m ON m.organization = t.organization AND m.id = t.member
WHERE t.organization = :organization AND t.project = :project
UNION SELECT m.person FROM review r JOIN appeal a ON a.review = r.id
JOIN member m ON m.organization = a.organization AND m.id = a.judge
WHERE r.organization = :organization AND r.project = :project AND r.task = :task;

-- name: task_assignment_ids
SELECT id FROM assignment WHERE organization = :organization AND project = :project AND task = :task AND state <> 'lapsed'
UNION SELECT assignment FROM flag WHERE organization = :organization AND project = :project AND task = :task;

-- name: task_review_ids
SELECT id FROM review WHERE organization = :organization AND project = :project AND task = :task;

-- name: task_given_seq
-- The first window or review by which somebody got a task: nothing was said about it before.
SELECT min(e.seq) AS seq FROM (
  SELECT pool AS stream, window_n AS n FROM assignment
  WHERE organization = :organization AND project = :project AND task = :task AND state <> 'lapsed'
  UNION SELECT a.pool AS stream, a.window_n AS n FROM flag f JOIN assignment a ON a.id = f.assignment
  WHERE f.organization = :organization AND f.project = :project AND f.task = :task
  UNION SELECT project AS stream, opened_n AS n FROM review
  WHERE organization = :organization AND project = :project AND task = :task
) given JOIN event e ON e.stream = given.stream AND e.n = given.n;

-- name: has_tests
SELECT 1 AS one FROM test WHERE organization = :organization AND project = :project LIMIT 1;

-- name: seq_of_place
SELECT seq FROM event WHERE stream = :stream AND n = :n;

-- name: task_payloads
-- Every round of a task's data.
SELECT round, salt, record FROM payload WHERE organization = :organization AND project = :project AND task = :task
ORDER BY round;

-- name: erased_among
-- Those of these tasks whose data were erased and have not come anew.
SELECT t.n FROM task t
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round
WHERE t.organization = :organization AND t.project = :project AND t.n {in tasks} AND p.record = :record;

-- name: put_no_payload!
UPDATE payload SET salt = :salt, record = :record, external_id = NULL
WHERE organization = :organization AND project = :project AND task = :task AND round = :round;

-- name: delete_known!
DELETE FROM known WHERE organization = :organization AND project = :project AND task = :task;

-- name: fold_gold_blank!
UPDATE gold SET answers = :answers, feedback = '' WHERE organization = :organization AND project = :project AND task = :task;

-- name: person_gone!
UPDATE person SET name = :name, email = NULL, password = NULL, subject = NULL WHERE id = :id;

-- name: delete_keys_of!
DELETE FROM api_key WHERE person = :person;
