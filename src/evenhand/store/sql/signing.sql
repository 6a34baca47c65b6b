-- Keys with which people and clients sign.

-- name: fold_key_added!
INSERT INTO signing_key (holder, id, public, n, seq, added_ms, revoked_ms)
VALUES (:holder, :id, :public, :n, :seq, :ms, 0)
ON CONFLICT (holder, id) DO UPDATE SET n = excluded.n, seq = excluded.seq, added_ms = excluded.added_ms,
  revoked_ms = 0;

-- name: fold_key_revoked!
UPDATE signing_key SET revoked_ms = :ms WHERE holder = :holder AND id = :id;

-- name: signing_keys
-- All keys of a holder, the newest first.
SELECT id, holder, public, n, seq, added_ms, revoked_ms FROM signing_key WHERE holder = :holder
ORDER BY added_ms DESC, n DESC;

-- name: keys_in_force
-- Keys that sign in the log of today: `epoch_start`.
SELECT holder, id, public, n FROM signing_key WHERE holder {in holders} AND revoked_ms = 0
  AND seq > (SELECT coalesce(max(after_seq), 0) FROM epoch);

-- name: epoch_start
-- The newest event that belongs to an earlier log; 0 when there is none.
SELECT coalesce(max(after_seq), 0) FROM epoch;

-- name: windows_of
-- Where the leases of these assignments stand.
SELECT id, pool, window_n FROM assignment WHERE id {in ids};

-- name: waiver_clock
SELECT clock FROM waiver WHERE pool = :pool AND client = :client AND entity = :entity;

-- name: conflict_place
SELECT n FROM conflict WHERE pool = :pool AND client = :client AND entity = :entity;

-- name: fold_signing_policy!
INSERT INTO signing_policy (n, kinds, since_ms, whose) VALUES (:n, :kinds, :since, :whose);

-- name: signing_policies
-- The newest first; those before the newest one in force say nothing any more.
SELECT n, kinds, since_ms, whose FROM signing_policy ORDER BY n DESC LIMIT 20;

-- name: fold_said!
INSERT INTO said (id) VALUES (:id) ON CONFLICT (id) DO NOTHING;

-- name: said_before
SELECT 1 AS one FROM said WHERE id = :id;
