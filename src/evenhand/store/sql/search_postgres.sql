-- The index of words on PostgreSQL (GIN). Words hold letters, digits and marks only, so they need no escaping.

-- name: put_words!
INSERT INTO search (organization, project, task, words)
SELECT {r organization}, {r project}, {r task},
  (SELECT array_to_tsvector(array_agg(CAST({r slot} AS TEXT) || ':' || word)) FROM unnest(string_to_array({r words}, ' ')) word)
{rows organization text, project text, task bigint, slot bigint, words text};

-- name: drop_words!
DELETE FROM search WHERE organization = :organization AND project = :project AND task = :task;

-- name: search_hits
-- The index first, whatever the planner knows of its words: an order by number would walk through the project.
WITH hit AS MATERIALIZED (
  SELECT organization, project, task FROM search WHERE words @@ (
    SELECT CAST(string_agg(quote_literal(CAST(:slot AS TEXT) || ':' || word) || ':*', ' & ') AS tsquery)
    FROM unnest(CAST(:words AS TEXT[])) word)
)
SELECT task FROM hit
WHERE organization = :organization AND project = :project AND task > :after ORDER BY task LIMIT :limit;
