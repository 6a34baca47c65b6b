-- name: next_seqs
-- One writer, so that the next numbers are simply the next numbers.
WITH RECURSIVE next (seq, k) AS (
  SELECT (SELECT coalesce(max(seq), 0) + 1 FROM event), 1 UNION ALL SELECT seq + 1, k + 1 FROM next WHERE k < :count
) SELECT seq FROM next;

-- name: sequence_bounds
SELECT coalesce(max(seq), 0), '' FROM event;

-- name: writers_done
SELECT 1 WHERE :bound = :bound;
