-- Keys with which people and clients sign. Of the first kind: a fold of the events.

CREATE TABLE signing_key (
  holder TEXT NOT NULL,       -- a person, or a client
  id TEXT NOT NULL,
  public TEXT NOT NULL,       -- Ed25519, base64url
  n BIGINT NOT NULL,          -- where it was added, in the stream of its holder
  seq BIGINT NOT NULL,        -- of that event: a key of an earlier log signs nothing in this one
  added_ms BIGINT NOT NULL,
  revoked_ms BIGINT NOT NULL, -- 0: in force
  PRIMARY KEY (holder, id)
);

ALTER TABLE waiver ADD COLUMN clock BIGINT NOT NULL DEFAULT 0; -- of the client's newest statement about it, ms
