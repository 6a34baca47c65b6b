-- Name and password, joined by a colon, behind which a backend answers (RFC 7617); "" for none.

ALTER TABLE backend ADD COLUMN login TEXT NOT NULL DEFAULT '';
