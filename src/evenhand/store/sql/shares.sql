-- Shares of projects for other nodes, and the letters about them.

-- name: fold_share!
INSERT INTO share (organization, id, project, side, plan, name, vkey, record, control, tasks, offered, delivered, state,
  until_ms, sent, sent_last, taken, taken_last, acked)
VALUES (:organization, :id, :project, :side, :plan, :name, :vkey, :record, :control, :tasks, 0, 0, 'planned', 0, 0, '', 0,
  '', 0);

-- name: fold_share_task!
INSERT INTO share_task (organization, share, n, slice, place, project, task, state)
VALUES (:organization, :share, :n, :slice, :place, :project, :task, :state);

-- name: fold_share_letter!
INSERT INTO share_letter (organization, share, way, seq, act, slice, digest)
VALUES (:organization, :share, :way, :seq, :act, :slice, :digest);

-- name: fold_share_sent!
UPDATE share SET sent = :count, sent_last = :last WHERE organization = :organization AND id = :id;

-- name: fold_share_taken!
UPDATE share SET taken = :count, taken_last = :last, acked = :acked WHERE organization = :organization AND id = :id;

-- name: fold_share_counts!
UPDATE share SET offered = offered + :offered, delivered = delivered + :delivered, tasks = tasks + :tasks
WHERE organization = :organization AND id = :id;

-- name: fold_share_state!
UPDATE share SET state = :state WHERE organization = :organization AND id = :id;

-- name: fold_share_until!
UPDATE share SET until_ms = :until WHERE organization = :organization AND id = :id;

-- name: fold_share_task_state!
UPDATE share_task SET state = :state WHERE organization = :organization AND share = :share AND n = :n;

-- name: share_by_id
SELECT organization, id, project, side, plan, name, vkey, record, control, tasks, offered, delivered, state, until_ms,
  sent, sent_last, taken, taken_last, acked
FROM share WHERE id = :id ORDER BY organization;

-- name: share_locked
-- Whoever writes or takes a letter holds the share's row first, before tasks and streams.
SELECT t.id FROM share t WHERE t.organization = :organization AND t.id = :id {lock_task};

-- name: shares_of_project
SELECT organization, id, project, side, plan, name, vkey, record, control, tasks, offered, delivered, state, until_ms,
  sent, sent_last, taken, taken_last, acked
FROM share WHERE organization = :organization AND project = :project ORDER BY plan, id;

-- name: share_unplanned
-- Open tasks that no plan has given to anybody, with the bytes of their records.
SELECT t.n, length(p.record) AS bytes FROM task t
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round
WHERE t.organization = :organization AND t.project = :project AND t.status = 'open' AND NOT EXISTS (
  SELECT 1 FROM share_task s WHERE s.organization = t.organization AND s.project = t.project AND s.task = t.n)
ORDER BY t.n LIMIT :limit;

-- name: share_next_slice
SELECT slice FROM share_task WHERE organization = :organization AND share = :share AND state = 'planned'
ORDER BY slice LIMIT 1;

-- name: share_slice
SELECT n, task, place, state FROM share_task
WHERE organization = :organization AND share = :share AND slice = :slice ORDER BY n;

-- name: share_records
SELECT t.n, t.status, p.record, p.mapping FROM task t
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round
WHERE t.organization = :organization AND t.project = :project AND t.n {in tasks} ORDER BY t.n;

-- name: share_done
-- Tasks of a share that are answered here and not delivered yet, of the first slice that has such.
SELECT s.n, s.slice, s.task FROM share_task s
JOIN task t ON t.organization = s.organization AND t.project = s.project AND t.n = s.task
WHERE s.organization = :organization AND s.share = :share AND s.state = 'offered' AND t.status = 'done'
ORDER BY s.slice, s.n LIMIT 1000;

-- name: share_answers
SELECT a.task, a.id, a.member, m.kind, a.closed_ms, a.ms, o.body FROM assignment a
JOIN task t ON t.organization = a.organization AND t.project = a.project AND t.n = a.task AND t.round = a.round
JOIN member m ON m.organization = a.organization AND m.id = a.member
JOIN opening o ON o.seq = a.seq
WHERE a.organization = :organization AND a.project = :project AND a.task {in tasks} AND a.state = 'submitted'
  AND a.state <> 'lapsed'
ORDER BY a.task, a.id;

-- name: share_held
-- Tasks of a share whose data are still here.
SELECT s.task, p.record FROM share_task s
JOIN task t ON t.organization = s.organization AND t.project = s.project AND t.n = s.task
JOIN payload p ON p.organization = t.organization AND p.project = t.project AND p.task = t.n AND p.round = t.round
WHERE s.organization = :organization AND s.share = :share ORDER BY s.task;

-- name: share_letter
SELECT digest FROM share_letter
WHERE organization = :organization AND share = :share AND way = :way AND seq = :seq;

-- name: share_token
-- The number of the newest offer of a slice.
SELECT max(seq) FROM share_letter
WHERE organization = :organization AND share = :share AND way = :way AND act = 'offer' AND slice = :slice;

-- name: put_letter_text!
INSERT INTO letter_text (organization, share, seq, project, text, rows)
VALUES (:organization, :share, :seq, :project, :text, :rows);

-- name: letter_text
SELECT text, rows FROM letter_text WHERE organization = :organization AND share = :share AND seq = :seq;

-- name: drop_letters_taken!
DELETE FROM letter_text WHERE organization = :organization AND share = :share AND seq < :seq;

-- name: drop_letters_of!
DELETE FROM letter_text WHERE organization = :organization AND project = :project;

-- name: drop_letters_of_partners!
-- What was delivered of shares of others: it holds what people wrote.
DELETE FROM letter_text WHERE organization = :organization
  AND share IN (SELECT id FROM share WHERE organization = :organization AND side = 'partner');

-- name: put_partner_member!
INSERT INTO partner_member (organization, member, origin, name) VALUES (:organization, :member, :origin, :name)
ON CONFLICT (organization, member) DO NOTHING;
