-- name: heads
-- The heads of these streams, locked in the order of their ids, or two lanes deadlock.
SELECT id, n, ms FROM stream WHERE id {in ids} ORDER BY id {lock};

-- name: put_head!
INSERT INTO stream (id, n, ms) VALUES (:id, :n, :ms)
ON CONFLICT (id) DO UPDATE SET n = excluded.n, ms = excluded.ms;

-- name: put_event!
INSERT INTO event (seq, stream, n, entry) VALUES (:seq, :stream, :n, :entry);

-- name: put_opening!
INSERT INTO opening (seq, organization, body) VALUES (:seq, :organization, :body);

-- name: event_at
SELECT e.seq, e.entry, o.body, o.organization FROM event e LEFT JOIN opening o ON o.seq = e.seq
WHERE e.stream = :stream AND e.n = :n;

-- name: events_by_seq
SELECT e.seq, e.entry, o.body, o.organization FROM event e LEFT JOIN opening o ON o.seq = e.seq
WHERE e.seq {in seqs};

-- name: events_after
-- For the rebuild: everything in the order of commits.
SELECT e.seq, e.entry, o.body, o.organization FROM event e LEFT JOIN opening o ON o.seq = e.seq
WHERE e.seq > :seq ORDER BY e.seq LIMIT :limit;

-- name: entries_between
SELECT seq, entry FROM event WHERE seq > :seq AND seq <= :last ORDER BY seq LIMIT :limit;

-- name: max_seq
SELECT coalesce(max(seq), 0) FROM event;

-- name: last_batch
SELECT first_leaf, last_seq, count FROM batch ORDER BY first_leaf DESC LIMIT 1;

-- name: put_batch!
INSERT INTO batch (first_leaf, last_seq, count) VALUES (:first_leaf, :last_seq, :count);

-- name: batch_of_seq
-- The batch that holds this seq, with the last seq of the batch before it.
SELECT b.first_leaf, b.last_seq, b.count,
  coalesce((SELECT p.last_seq FROM batch p WHERE p.first_leaf < b.first_leaf ORDER BY p.first_leaf DESC LIMIT 1), 0)
FROM batch b WHERE b.last_seq >= :seq ORDER BY b.last_seq LIMIT 1;

-- name: batch_of_leaf
SELECT b.first_leaf, b.last_seq, b.count,
  coalesce((SELECT p.last_seq FROM batch p WHERE p.first_leaf < b.first_leaf ORDER BY p.first_leaf DESC LIMIT 1), 0)
FROM batch b WHERE b.first_leaf <= :leaf ORDER BY b.first_leaf DESC LIMIT 1;

-- name: events_before_in_batch
SELECT count(*) FROM event WHERE seq > :after AND seq < :seq;

-- name: setting
SELECT value FROM setting WHERE name = :name;

-- name: put_setting!
INSERT INTO setting (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value;
