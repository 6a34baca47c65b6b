-- name: heads
-- The heads of these streams, locked in the order of their ids, or two lanes deadlock.
SELECT id, n, ms FROM stream WHERE id {in ids} ORDER BY id {lock};

-- name: heads_read
-- The same for readers, which lock nothing.
SELECT id, n, ms FROM stream WHERE id {in ids} ORDER BY id;

-- name: put_head!
INSERT INTO stream (id, n, ms) SELECT {r id}, {r n}, {r ms} {rows id text, n bigint, ms bigint} WHERE true
ON CONFLICT (id) DO UPDATE SET n = excluded.n, ms = excluded.ms;

-- name: put_event!
INSERT INTO event (seq, stream, n, entry) SELECT {r seq}, {r stream}, {r n}, {r entry}
{rows seq bigint, stream text, n bigint, entry bytea};

-- name: put_opening!
INSERT INTO opening (seq, organization, body) SELECT {r seq}, {r organization}, {r body}
{rows seq bigint, organization text, body bytea};

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

-- name: entries_of_organization
-- A stretch of the log, of which one organization sees its own.
SELECT e.seq, e.stream, e.n, e.entry, o.body FROM opening o JOIN event e ON e.seq = o.seq
WHERE o.seq > :seq AND o.seq <= :last AND o.organization = :organization ORDER BY o.seq LIMIT :limit;

-- name: events_since
SELECT count(*) FROM event WHERE seq > :seq;

-- name: max_seq
SELECT coalesce(max(seq), 0) FROM event;

-- name: epochs
SELECT number, origin, after_seq, checkpoint FROM epoch ORDER BY number;

-- name: put_epoch!
INSERT INTO epoch (number, origin, after_seq, checkpoint) VALUES (:number, :origin, :after_seq, :checkpoint);

-- name: epoch_of_seq
SELECT number, origin, after_seq FROM epoch WHERE after_seq < :seq ORDER BY number DESC LIMIT 1;

-- name: sequenced
-- (leaves given in the newest epoch, newest seq that needs no leaf in it any more).
SELECT coalesce(max(b.first_leaf + b.count), 0),
  coalesce(max(b.last_seq), (SELECT after_seq FROM epoch ORDER BY number DESC LIMIT 1), 0)
FROM batch b WHERE b.epoch = coalesce((SELECT max(number) FROM epoch), 1);

-- name: put_batch!
INSERT INTO batch (epoch, first_leaf, last_seq, count)
VALUES (coalesce((SELECT max(number) FROM epoch), 1), :first_leaf, :last_seq, :count);

-- name: batch_of_seq
-- The batch that holds this seq: (first leaf, last seq, count, last seq before it).
SELECT b.first_leaf, b.last_seq, b.count, {max}(
  coalesce((SELECT max(p.last_seq) FROM batch p WHERE p.last_seq < b.last_seq), 0),
  coalesce((SELECT e.after_seq FROM epoch e WHERE e.number = b.epoch), 0))
FROM batch b WHERE b.last_seq >= :seq ORDER BY b.last_seq LIMIT 1;

-- name: batch_of_leaf
-- The same by leaf, in the newest epoch.
SELECT b.first_leaf, b.last_seq, b.count, {max}(
  coalesce((SELECT max(p.last_seq) FROM batch p WHERE p.last_seq < b.last_seq), 0),
  coalesce((SELECT e.after_seq FROM epoch e WHERE e.number = b.epoch), 0))
FROM batch b WHERE b.epoch = coalesce((SELECT max(number) FROM epoch), 1) AND b.first_leaf <= :leaf
ORDER BY b.first_leaf DESC LIMIT 1;

-- name: events_before_in_batch
SELECT count(*) FROM event WHERE seq > :after AND seq < :seq;

-- name: setting
SELECT value FROM setting WHERE name = :name;

-- name: put_setting!
INSERT INTO setting (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value;
