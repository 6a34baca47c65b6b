-- People and how they show who they are. Tables of the second kind, beside members and organizations.

-- name: caller_by_key
-- Who holds a key, a row for each active membership. A key that is bound to an organization acts nowhere else.
SELECT p.id AS person, p.name, p.email, CASE WHEN k.organization = '' THEN p.operator ELSE 0 END AS operator,
  CASE WHEN p.password IS NULL THEN 0 ELSE 1 END AS has_password,
  k.id AS key, k.organization AS bound, k.scopes, k.expires_ms, k.used_ms,
  m.organization, m.id AS member, m.role, o.name AS organization_name
FROM api_key k JOIN person p ON p.id = k.person
LEFT JOIN member m ON m.person = k.person AND m.state = 'active'
  AND (k.organization = '' OR m.organization = k.organization)
LEFT JOIN organization o ON o.id = m.organization
WHERE k.hash = :hash ORDER BY m.created_ms, m.organization;

-- name: caller_by_session
SELECT p.id AS person, p.name, p.email, p.operator, s.csrf, s.oidc, s.expires_ms,
  CASE WHEN p.password IS NULL THEN 0 ELSE 1 END AS has_password,
  m.organization, m.id AS member, m.role, o.name AS organization_name
FROM session s JOIN person p ON p.id = s.person
LEFT JOIN member m ON m.person = s.person AND m.state = 'active'
LEFT JOIN organization o ON o.id = m.organization
WHERE s.hash = :hash ORDER BY m.created_ms, m.organization;

-- name: organizations
SELECT id, name, created_ms FROM organization
WHERE (created_ms, id) > (:after_ms, :after_id) ORDER BY created_ms, id LIMIT :limit;

-- name: organization_by_id
SELECT id, name, created_ms FROM organization WHERE id = :id;

-- name: members
SELECT m.id, p.name, p.email, m.role, m.kind, m.state, m.created_ms, coalesce(t.submitted, 0) AS submitted
FROM member m JOIN person p ON p.id = m.person
LEFT JOIN (SELECT member, CAST(sum(submitted) AS BIGINT) AS submitted FROM tally
  WHERE organization = :organization GROUP BY member) t ON t.member = m.id
WHERE m.organization = :organization AND m.role <> 'enrolled' AND (m.created_ms, m.id) > (:after_ms, :after_id)
ORDER BY m.created_ms, m.id LIMIT :limit;

-- name: member_by_id
SELECT m.organization, m.id, m.person, m.role, m.kind, m.state, m.created_ms, p.name, p.email, p.home, p.operator,
  coalesce((SELECT CAST(sum(t.submitted) AS BIGINT) FROM tally t
    WHERE t.organization = m.organization AND t.member = m.id), 0) AS submitted
FROM member m JOIN person p ON p.id = m.person WHERE m.id = :id AND m.role <> 'enrolled';

-- name: member_of_person
SELECT id, role, state FROM member WHERE person = :person AND organization = :organization;

-- name: memberships_elsewhere
-- Suspended ones too: whoever takes the account over meanwhile would have what it opens again later.
SELECT count(*) AS count FROM member WHERE person = :person AND organization <> :organization AND state <> 'removed';

-- name: other_owners
SELECT count(*) AS count FROM member
WHERE organization = :organization AND role = 'owner' AND state = 'active' AND id <> :id;

-- name: put_person!
INSERT INTO person (id, home, name, email, password, subject, operator, created_ms)
VALUES (:id, :home, :name, :email, :password, :subject, :operator, :created_ms);

-- name: person_by_id
SELECT id, home, name, email, password, subject, operator FROM person WHERE id = :id;

-- name: person_by_email
SELECT id, name, email, password, subject FROM person WHERE email = :email;

-- name: person_by_subject
SELECT id, name, email FROM person WHERE subject = :subject;

-- name: set_person_name!
UPDATE person SET name = :name WHERE id = :id;

-- name: set_password!
UPDATE person SET password = :password WHERE id = :id;

-- name: change_password!
-- Changes no row when the password is not any more the one that was shown to be known.
UPDATE person SET password = :password WHERE id = :id AND password = :known;

-- name: set_email!
UPDATE person SET email = :email WHERE id = :id;

-- name: set_subject!
UPDATE person SET subject = :subject WHERE id = :id;

-- name: put_key!
INSERT INTO api_key (id, hash, prefix, organization, member, person, name, scopes, created_ms, expires_ms, used_ms)
VALUES (:id, :hash, :prefix, :organization, :member, :person, :name, :scopes, :created_ms, :expires_ms, 0);

-- name: keys_of
-- The person's own; all of them for a caller that is not bound, else those of the organization it is bound to.
SELECT id, name, prefix, scopes, created_ms, expires_ms, used_ms FROM api_key
WHERE person = :person AND (:bound = '' OR organization = :bound) AND (created_ms, id) > (:after_ms, :after_id)
ORDER BY created_ms, id LIMIT :limit;

-- name: key_by_id
SELECT id, name, prefix, scopes, created_ms, expires_ms, used_ms FROM api_key WHERE id = :id;

-- name: key_by_hash
SELECT id, person FROM api_key WHERE hash = :hash;

-- name: delete_key!
DELETE FROM api_key WHERE id = :id AND person = :person AND (:bound = '' OR organization = :bound);

-- name: delete_keys_bound!
DELETE FROM api_key WHERE person = :person AND organization = :organization;

-- name: touch_key!
UPDATE api_key SET used_ms = :at WHERE id = :id;

-- name: put_session!
INSERT INTO session (hash, person, csrf, oidc, created_ms, expires_ms)
VALUES (:hash, :person, :csrf, :oidc, :created_ms, :expires_ms);

-- name: slide_session!
UPDATE session SET expires_ms = :expires_ms WHERE hash = :hash AND expires_ms < :expires_ms;

-- name: delete_session!
DELETE FROM session WHERE hash = :hash;

-- name: delete_sessions_of!
DELETE FROM session WHERE person = :person;

-- name: delete_sessions_expired!
DELETE FROM session WHERE expires_ms <= :at;

-- name: put_invite!
INSERT INTO invite (id, hash, organization, purpose, role, person, next, created_ms, expires_ms, used_ms)
VALUES (:id, :hash, :organization, :purpose, :role, :person, :next, :created_ms, :expires_ms, 0);

-- name: invites
SELECT i.id, i.purpose, i.role, i.created_ms, i.expires_ms, o.name AS organization_name, p.name
FROM invite i JOIN organization o ON o.id = i.organization LEFT JOIN person p ON p.id = i.person
WHERE i.organization = :organization AND i.used_ms = 0 AND i.expires_ms > :now AND i.purpose <> 'signin'
  AND (i.created_ms, i.id) > (:after_ms, :after_id)
ORDER BY i.created_ms, i.id LIMIT :limit;

-- name: invite_by_hash
SELECT i.id, i.organization, i.purpose, i.role, i.person, i.next, i.expires_ms, i.used_ms,
  o.name AS organization_name, p.name, p.email
FROM invite i JOIN organization o ON o.id = i.organization LEFT JOIN person p ON p.id = i.person
WHERE i.hash = :hash;

-- name: invite_by_id
SELECT id, organization FROM invite WHERE id = :id AND used_ms = 0;

-- name: use_invite!
-- Changes one row for whoever is first, and none for everybody after them.
UPDATE invite SET used_ms = :at WHERE id = :id AND used_ms = 0;

-- name: delete_invites_of!
-- Links that open a session of this person, or set their password.
DELETE FROM invite WHERE person = :person AND used_ms = 0;

-- name: delete_invite!
DELETE FROM invite WHERE id = :id AND used_ms = 0;
