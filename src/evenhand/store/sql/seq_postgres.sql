-- name: next_seqs
-- Drawn before commit, so that numbers may commit out of order; `sequence_bounds` is how the sequencer copes.
SELECT nextval('event_seq_seq') AS seq FROM generate_series(1, :count) ORDER BY 1;

-- name: sequence_bounds
-- The newest number drawn, and the first transaction id that was not yet given then.
SELECT CASE WHEN is_called THEN last_value ELSE 0 END, pg_snapshot_xmax(pg_current_snapshot())::text FROM event_seq_seq;

-- name: writers_done
SELECT pg_snapshot_xmin(pg_current_snapshot()) >= CAST(:bound AS xid8);
