-- Who gave annotations in another tool, and which member they are here. Of the second kind.

CREATE TABLE brought_by (
  organization TEXT NOT NULL,
  key TEXT NOT NULL,         -- what the other tool calls them, with the tool's name before it
  member TEXT NOT NULL,
  PRIMARY KEY (organization, key)
);
