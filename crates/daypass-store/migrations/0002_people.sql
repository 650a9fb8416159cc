-- People sign in. As in 0001: one text for both databases, TEXT and BIGINT only, times in microseconds.
-- Secrets (codes, device codes, refresh tokens, invites) are here as SHA-256 only. `group_names` is a JSON list.

-- What is revoked may now also be a session, or everything a person got up to an instant (`issued_before_us`, else 0).
ALTER TABLE revocation RENAME TO revocation_of_access_token;
DROP INDEX revocation_by_seq;

CREATE TABLE revocation (
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    issued_before_us BIGINT NOT NULL,
    expires_at_us BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (kind, subject)
);

INSERT INTO revocation (kind, subject, issued_before_us, expires_at_us, seq)
SELECT 'access_token', token_id, 0, expires_at_us, seq FROM revocation_of_access_token;

DROP TABLE revocation_of_access_token;

CREATE INDEX revocation_by_seq ON revocation (seq);
CREATE INDEX revocation_by_end ON revocation (expires_at_us);

-- `id` follows from issuer and subject (see `daypass_core::person`). A person who is disabled has `disabled_at_us`.
CREATE TABLE person (
    id TEXT NOT NULL PRIMARY KEY,
    provider TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    name TEXT NOT NULL,
    email TEXT,
    created_at_us BIGINT NOT NULL,
    seen_at_us BIGINT NOT NULL,
    disabled_at_us BIGINT
);

CREATE INDEX person_by_subject ON person (provider, subject);
CREATE INDEX person_by_name ON person (provider, name);

-- `generation` is that of the refresh token in force, `previous_generation` that of the one it was exchanged for
-- (0: none). `reissues` counts the answers in a row that were given up for lost since that exchange.
-- `access_token_*` is about the access token that came with the one in force.
-- `over_at_us` is when it ends at the latest; earlier when it was ended.
CREATE TABLE session (
    id TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL,
    client_id TEXT NOT NULL,
    audience TEXT NOT NULL,
    group_names TEXT NOT NULL,
    source TEXT,
    user_agent TEXT,
    created_at_us BIGINT NOT NULL,
    refreshed_at_us BIGINT NOT NULL,
    idle_until_us BIGINT NOT NULL,
    expires_at_us BIGINT NOT NULL,
    ended_at_us BIGINT,
    over_at_us BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    previous_generation BIGINT NOT NULL,
    reissues BIGINT NOT NULL,
    access_token_id TEXT NOT NULL,
    access_token_expires_at_us BIGINT NOT NULL,
    access_token_used_at_us BIGINT
);

CREATE INDEX session_by_person ON session (person, created_at_us);
CREATE INDEX session_by_end ON session (over_at_us);

-- Every refresh token that a session ever had, so that a spent one is known when it comes again.
CREATE TABLE refresh_token (
    digest TEXT NOT NULL PRIMARY KEY,
    session TEXT NOT NULL,
    generation BIGINT NOT NULL
);

CREATE INDEX refresh_token_by_session ON refresh_token (session);

CREATE TABLE authorization_code (
    digest TEXT NOT NULL PRIMARY KEY,
    client_id TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    code_challenge TEXT NOT NULL,
    person TEXT NOT NULL,
    group_names TEXT NOT NULL,
    expires_at_us BIGINT NOT NULL,
    redeemed_by TEXT
);

CREATE INDEX authorization_code_by_end ON authorization_code (expires_at_us);

-- `state` is `pending`, `approved` (then with `person` and `group_names`), `denied` or `redeemed`.
CREATE TABLE device_authorization (
    digest TEXT NOT NULL PRIMARY KEY,
    user_code TEXT NOT NULL UNIQUE,
    client_id TEXT NOT NULL,
    source TEXT,
    user_agent TEXT,
    provider_hint TEXT,
    created_at_us BIGINT NOT NULL,
    expires_at_us BIGINT NOT NULL,
    state TEXT NOT NULL,
    person TEXT,
    group_names TEXT
);

CREATE INDEX device_authorization_by_end ON device_authorization (expires_at_us);

-- `credential_since_us` is when it got the credential it has: what was proven before with another is worth nothing.
CREATE TABLE account (
    name TEXT NOT NULL PRIMARY KEY,
    display_name TEXT NOT NULL,
    email TEXT,
    role TEXT NOT NULL,
    person TEXT NOT NULL UNIQUE,
    password_hash TEXT,
    credential_since_us BIGINT,
    created_at_us BIGINT NOT NULL
);

CREATE TABLE passkey (
    credential_id TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    public_key TEXT NOT NULL,
    sign_count BIGINT NOT NULL,
    created_at_us BIGINT NOT NULL,
    used_at_us BIGINT
);

CREATE INDEX passkey_by_account ON passkey (account);

-- `spent_at_us`: when it was accepted, or made worthless by a younger one.
CREATE TABLE invite (
    digest TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    created_at_us BIGINT NOT NULL,
    expires_at_us BIGINT NOT NULL,
    spent_at_us BIGINT
);

CREATE INDEX invite_by_account ON invite (account);
CREATE INDEX invite_by_end ON invite (expires_at_us);
