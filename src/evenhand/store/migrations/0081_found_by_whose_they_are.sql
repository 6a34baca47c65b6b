-- Links that are ended when their person joins another organization are found by the person; and messages that
-- are due by their organization, so that those of one do not stand before those of another.

CREATE INDEX invite_person ON invite (person) WHERE person IS NOT NULL;

CREATE INDEX delivery_due_of ON delivery (organization, next_ms) WHERE state = 'waiting';
DROP INDEX delivery_due;
