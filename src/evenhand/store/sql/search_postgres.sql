-- The index of words on PostgreSQL (GIN). Words hold letters, digits and marks only, so they need no escaping.

-- name: put_words!
INSERT INTO search (organization, project, task, words)
SELECT {r organization}, {r project}, {r task},
  (SELECT array_to_tsvector(array_agg(CAST({r slot} AS TEXT) || ':' || word)) FROM unnest(string_to_array({r words}, ' ')) word)
{rows organization text, project text, task bigint, slot bigint, words text};

-- name: drop_words!
DELETE FROM search WHERE organization = :organization AND project = :project AND task = :task;

-- name: merge_words!
-- What was deleted goes with the next vacuum.
DELETE FROM search WHERE :pages = 0 AND organization = '' AND project = '' AND task = 0;

-- name: written_so_far
SELECT 0;

-- name: search_hits
-- A page of common words is full after the next tasks. Where it is not, the index comes first, whatever the planner
-- knows of its words: an order by number would walk through the project, and all that a common word hits is much.
WITH wanted AS MATERIALIZED (
  SELECT CAST(string_agg(quote_literal(CAST(:slot AS TEXT) || ':' || word) || ':*', ' & ') AS tsquery) AS words
  FROM unnest(CAST(:words AS TEXT[])) word
), near AS MATERIALIZED (
  SELECT n.task FROM (
    SELECT s.task, s.words FROM search s
    WHERE s.organization = :organization AND s.project = :project AND s.task > :after ORDER BY s.task LIMIT 2000
  ) n WHERE n.words @@ (SELECT words FROM wanted)
), hit AS MATERIALIZED (
  SELECT organization, project, task FROM search
  WHERE words @@ (SELECT words FROM wanted) AND (SELECT count(*) FROM near) < :limit
)
SELECT task FROM near
UNION
SELECT task FROM hit WHERE organization = :organization AND project = :project AND task > :after
ORDER BY task LIMIT :limit;
