-- Further answers are asked of those whose answers tell enough.

ALTER TABLE task ADD COLUMN further_ms BIGINT NOT NULL DEFAULT 0;  -- when one was asked for; 0: everybody may give it
