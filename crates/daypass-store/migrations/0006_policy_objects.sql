-- The policy is also kept here, beside the files: issuers, identities and roles that were made over the API.
-- `body` is JSON in the form of the policy file. `seq` is the audit event of the last change.
CREATE TABLE policy_object (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    updated_at_us BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);

-- The audit event of the last change of any of them: their version.
INSERT INTO sequence (name, last_seq) VALUES ('policy', 0);
