-- Time and pay.

-- name: fold_effort!
INSERT INTO effort (organization, project, member, rate, tasks, ms)
VALUES (:organization, :project, :member, :rate, :tasks, :ms)
ON CONFLICT (organization, project, member, rate) DO UPDATE SET tasks = effort.tasks + excluded.tasks,
  ms = effort.ms + excluded.ms;

-- name: fold_statement!
INSERT INTO statement (organization, project, number, member, currency, provider, tasks, ms, amount, at_ms)
VALUES (:organization, :project, :number, :member, :currency, :provider, :tasks, :ms, :amount, :at);

-- name: efforts
-- Of one member, or (:member = '') of everybody.
SELECT f.member, f.rate, f.tasks, f.ms FROM effort f
WHERE f.organization = :organization AND f.project = :project AND (:member = '' OR f.member = :member)
ORDER BY f.member, f.rate;

-- name: statements
SELECT number, member, currency, provider, tasks, ms, amount, at_ms FROM statement
WHERE organization = :organization AND project = :project AND (:member = '' OR member = :member)
ORDER BY number, member, currency;

-- name: pay_names
SELECT m.id, p.name, p.home, o.name AS provider FROM member m
LEFT JOIN person p ON p.id = m.person
LEFT JOIN organization o ON o.id = p.home
WHERE m.organization = :organization AND m.id {in members};

-- name: paid_projects
SELECT DISTINCT f.organization, f.project, f.member, q.version FROM effort f
JOIN project q ON q.organization = f.organization AND q.id = f.project
WHERE f.organization {in organizations} AND f.member {in members} AND q.state <> 'deleted'
ORDER BY f.project;
