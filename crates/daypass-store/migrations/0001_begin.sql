-- One text for SQLite and PostgreSQL: TEXT and BIGINT only, no database's own way of counting.
-- Times are microseconds since the Unix epoch. `seq` numbers come from `sequence` (see src/batch.rs).

-- One row. Whoever writes takes his numbers here first, and holds the row until he commits:
-- numbers become visible in order, on PostgreSQL too.
CREATE TABLE sequence (
    name TEXT NOT NULL PRIMARY KEY,
    last_seq BIGINT NOT NULL
);

INSERT INTO sequence (name, last_seq) VALUES ('audit', 0);

CREATE TABLE audit (
    seq BIGINT NOT NULL PRIMARY KEY,
    time_us BIGINT NOT NULL,
    kind TEXT NOT NULL,
    event TEXT NOT NULL
);

CREATE INDEX audit_by_time ON audit (time_us, seq);

-- `digest` is the SHA-256 of issuer and proof: a stranger's text of any length never gets here.
-- `seq` is the audit event of the exchange that spent it.
CREATE TABLE spent_proof (
    digest TEXT NOT NULL PRIMARY KEY,
    until_us BIGINT NOT NULL,
    seq BIGINT NOT NULL
);

CREATE INDEX spent_proof_by_end ON spent_proof (until_us);

-- `seq` is the audit event of the revocation.
CREATE TABLE revocation (
    token_id TEXT NOT NULL PRIMARY KEY,
    expires_at_us BIGINT NOT NULL,
    seq BIGINT NOT NULL
);

CREATE INDEX revocation_by_seq ON revocation (seq);

CREATE TABLE signing_key (
    generation BIGINT NOT NULL PRIMARY KEY,
    kid TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    public_jwk TEXT NOT NULL,
    sealed_private TEXT NOT NULL,
    created_at_us BIGINT NOT NULL
);

-- `seq` is the audit event of the last change; its greatest value is the version of the index's catalogue.
CREATE TABLE hosted_file (
    index_name TEXT NOT NULL,
    file TEXT NOT NULL,
    project TEXT NOT NULL,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size BIGINT NOT NULL,
    upload_time_us BIGINT NOT NULL,
    requires_python TEXT,
    metadata_sha256 TEXT,
    seq BIGINT NOT NULL,
    PRIMARY KEY (index_name, file)
);

CREATE INDEX hosted_file_by_project ON hosted_file (index_name, project);
CREATE INDEX hosted_file_by_seq ON hosted_file (index_name, seq);
