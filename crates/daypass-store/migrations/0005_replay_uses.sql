-- A CI that hands its job one token for all of its life needs to exchange it more than once.
-- `uses` counts the exchanges; whoever may do it once only has 1 from the beginning.
ALTER TABLE spent_proof ADD COLUMN uses BIGINT NOT NULL DEFAULT 1;
