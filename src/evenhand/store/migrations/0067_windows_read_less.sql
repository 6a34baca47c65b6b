-- Windows of shared pools look at what ended otherwise than by an answer: there is little of it among many live leases.
CREATE INDEX assignment_recalled ON assignment (pool) WHERE state = 'recalled' AND settled = 0;
