-- Links that are ended when their person joins another organization are found by the person.

CREATE INDEX invite_person ON invite (person) WHERE person IS NOT NULL;
