-- The index of words on SQLite (FTS5). Words hold letters, digits and marks only, so they need no escaping.

-- name: put_words!
INSERT INTO search (rowid, words) VALUES (:slot * 4294967296 + :task, :words);

-- name: drop_words!
-- The index holds no copy of the text, so it must be told the very words that it took in.
INSERT INTO search (search, rowid, words) VALUES ('delete', :slot * 4294967296 + :task, :words);

-- name: merge_words!
-- What was dropped is only marked, until the parts of the index that hold it are written into one (FTS5, 6.7);
-- less than nothing: all parts take part, as many pages at a time.
INSERT INTO search (search, rank) VALUES ('merge', -:pages);

-- name: written_so_far
SELECT total_changes();

-- name: search_hits
SELECT rowid - :slot * 4294967296 AS task FROM search
WHERE search MATCH (SELECT group_concat('"' || value || '" *', ' AND ') FROM json_each(:words))
  AND rowid > :slot * 4294967296 + :after AND rowid < (:slot + 1) * 4294967296 ORDER BY rowid LIMIT :limit;
