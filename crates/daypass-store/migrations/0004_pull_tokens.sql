-- Pull tokens. As in 0001: one text for both databases, TEXT and BIGINT only, times in microseconds.

-- `digest` is the SHA-256 of the secret. `grants` is JSON; `group_names`, a JSON list, are the groups that its maker was
-- in at their last sign-in. `over_at_us` is when it ends by itself; earlier when it was revoked.
-- `seq` is the number of the last change that whoever follows must notice: of it, or of its maker.
CREATE TABLE pull_token (
    digest TEXT NOT NULL PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    person TEXT NOT NULL,
    group_names TEXT NOT NULL,
    grants TEXT NOT NULL,
    created_at_us BIGINT NOT NULL,
    expires_at_us BIGINT NOT NULL,
    used_at_us BIGINT,
    revoked_at_us BIGINT,
    over_at_us BIGINT NOT NULL,
    seq BIGINT NOT NULL
);

CREATE INDEX pull_token_by_person ON pull_token (person, created_at_us);
CREATE INDEX pull_token_by_seq ON pull_token (seq);
CREATE INDEX pull_token_by_end ON pull_token (over_at_us);
