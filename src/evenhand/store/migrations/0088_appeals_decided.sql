-- Decided appeals are listed, the last decided first.

CREATE INDEX appeal_closed ON appeal (organization, project, closed_ms) WHERE state <> 'open';
