-- A restore that a stop has interrupted goes on where it was.

ALTER TABLE restore ADD COLUMN concluded BIGINT NOT NULL DEFAULT 0;  -- tasks whose consensus was taken over so far
ALTER TABLE restore ADD COLUMN came BYTEA;                           -- JSON: what came of the events so far
