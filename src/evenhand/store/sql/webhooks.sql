-- What is told to other programs.

-- name: put_webhook!
INSERT INTO webhook (organization, id, url, secret, kinds, project, created_ms)
VALUES (:organization, :id, :url, :secret, :kinds, :project, :at);

-- name: webhooks
SELECT id, organization, url, kinds, project, paused, created_ms FROM webhook WHERE organization {in organizations} ORDER BY created_ms, id;

-- name: webhook
SELECT id, organization, url, secret, kinds, project, paused, created_ms FROM webhook WHERE id = :id;

-- name: delete_webhook!
DELETE FROM webhook WHERE organization = :organization AND id = :id;

-- name: pause_webhook!
UPDATE webhook SET paused = :paused WHERE organization = :organization AND id = :id;

-- name: hold_deliveries!
UPDATE delivery SET state = 'held' WHERE organization = :organization AND webhook = :webhook AND state = 'waiting';

-- name: free_deliveries!
UPDATE delivery SET state = 'waiting', next_ms = :at
WHERE organization = :organization AND webhook = :webhook AND state = 'held';

-- name: put_watch!
-- From what is sequenced on: earlier events were nobody's business.
INSERT INTO watch (organization, seq) VALUES (:organization, COALESCE((SELECT max(last_seq) FROM batch), 0))
ON CONFLICT (organization) DO NOTHING;

-- name: watches
-- Only what has its leaf: below the newest batch no event is still on its way to its commit.
SELECT w.organization, w.seq, (SELECT max(last_seq) FROM batch) FROM watch w
WHERE w.seq < COALESCE((SELECT max(last_seq) FROM batch), 0) ORDER BY w.organization;

-- name: set_watch!
UPDATE watch SET seq = :seq WHERE organization = :organization;

-- name: watched_events
SELECT o.seq, e.entry, o.body, o.organization AS owner FROM opening o JOIN event e ON e.seq = o.seq
WHERE o.seq > :after AND o.seq <= :upto AND o.organization = :organization ORDER BY o.seq;

-- name: put_delivery!
INSERT INTO delivery (organization, id, webhook, kind, url, subject, body, state, tries, status, reason, next_ms, created_ms)
VALUES (:organization, :id, :webhook, :kind, :url, :subject, :body, :state, 0, 0, '', :at, :at);

-- name: due_organizations
SELECT o.id FROM organization o WHERE EXISTS (SELECT 1 FROM delivery d
  WHERE d.organization = o.id AND d.state = 'waiting' AND d.next_ms <= :now) ORDER BY o.id;

-- name: due_deliveries
SELECT organization, id, webhook, kind, url, subject, body, tries, next_ms FROM delivery
WHERE organization = :organization AND state = 'waiting' AND next_ms <= :now ORDER BY next_ms LIMIT 16;

-- name: set_delivery!
-- Unless it was replayed while it was on its way: then it is sent once more, as somebody asked.
UPDATE delivery SET state = :state, tries = :tries, status = :status, reason = :reason, answer = :answer, next_ms = :next_ms
WHERE organization = :organization AND id = :id AND next_ms = :since;

-- name: replay_delivery!
UPDATE delivery SET state = 'waiting', tries = 0, next_ms = :at WHERE organization = :organization AND id = :id;

-- name: deliveries
SELECT id, organization, webhook, kind, url, subject, state, tries, status, reason, next_ms, created_ms FROM delivery
WHERE organization {in organizations} AND (:state = '' OR state = :state)
  AND (created_ms < :before_ms OR (created_ms = :before_ms AND id < :before_id))
ORDER BY created_ms DESC, id DESC LIMIT :limit;

-- name: deliveries_of
SELECT id, organization, webhook, kind, url, subject, state, tries, status, reason, next_ms, created_ms FROM delivery
WHERE organization {in organizations} AND webhook = :webhook AND (:state = '' OR state = :state)
  AND (created_ms < :before_ms OR (created_ms = :before_ms AND id < :before_id))
ORDER BY created_ms DESC, id DESC LIMIT :limit;

-- name: delivery
SELECT id, organization, webhook, kind, url, subject, body, state, tries, status, reason, answer, next_ms, created_ms
FROM delivery WHERE id = :id;

-- name: delete_deliveries!
DELETE FROM delivery WHERE state <> 'waiting' AND created_ms < :before;

-- name: scale_secret
SELECT value FROM scale_secret WHERE organization = :organization;

-- name: put_scale_secret!
INSERT INTO scale_secret (organization, value) VALUES (:organization, :value)
ON CONFLICT (organization) DO UPDATE SET value = excluded.value;

-- name: scale_callbacks
SELECT id, test, task, batch, callback FROM scale_task
WHERE organization = :organization AND project = :project AND task {in tasks};

-- name: set_scale_called!
UPDATE scale_task SET called = :called WHERE organization = :organization AND id = :id;

-- name: call_scale_batch!
UPDATE scale_batch SET called = 1 WHERE organization = :organization AND test = 0 AND name = :name AND called = 0;
