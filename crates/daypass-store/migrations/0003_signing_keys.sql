-- Signing keys change their state. As in 0001: one text for both databases, TEXT and BIGINT only, times in microseconds.

-- `since_us` is when a key came into the state it is in. `sealed_private` is empty once it is retired.
ALTER TABLE signing_key ADD COLUMN since_us BIGINT NOT NULL DEFAULT 0;

UPDATE signing_key SET since_us = created_at_us;
