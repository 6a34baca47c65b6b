-- A webhook can be paused: its messages are held. What was answered to a message is kept, to be shown.

ALTER TABLE webhook ADD COLUMN paused BIGINT NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN answer TEXT NOT NULL DEFAULT '';  -- the first characters of the last answer's body
CREATE INDEX delivery_of_webhook ON delivery (organization, webhook, created_ms, id);
