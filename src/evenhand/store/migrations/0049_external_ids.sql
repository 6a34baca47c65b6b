-- Rows with an external id are looked up by it, in `payload`: their digests are no longer needed.
DELETE FROM known WHERE key >= 'e' AND key < 'f';
