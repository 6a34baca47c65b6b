-- name: migrations_done
SELECT number FROM migration ORDER BY number;

-- name: put_migration!
INSERT INTO migration (number, name, at_ms) VALUES (:number, :name, :at_ms);
