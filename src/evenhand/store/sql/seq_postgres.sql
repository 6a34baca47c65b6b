-- name: next_seqs
-- Drawn before commit, so that numbers may commit out of order; `sequence_bounds` is how the sequencer copes.
SELECT nextval('event_seq_seq') AS seq FROM generate_series(1, :count) ORDER BY 1;
