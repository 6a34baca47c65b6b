-- What a node asks about itself.

-- name: unsequenced_count
SELECT count(*) FROM event
WHERE seq > (SELECT coalesce(max(last_seq), 0) FROM batch) AND seq > (SELECT coalesce(max(after_seq), 0) FROM epoch);
