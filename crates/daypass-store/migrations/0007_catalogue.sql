-- What else is known of a hosted file. `yanked` is the reason (PEP 592), empty for none; NULL where it is not yanked.
ALTER TABLE hosted_file ADD COLUMN metadata_size BIGINT;
ALTER TABLE hosted_file ADD COLUMN licence TEXT;
ALTER TABLE hosted_file ADD COLUMN uploader TEXT;
ALTER TABLE hosted_file ADD COLUMN yanked TEXT;
ALTER TABLE hosted_file ADD COLUMN provenance_sha256 TEXT;

CREATE INDEX hosted_file_by_release ON hosted_file (index_name, project, version);

-- One row for each project that ever had a file. It stays when the last file is deleted: the name remains taken, and
-- is never looked up upstream. `seq` is the audit event of the last change of the project or of one of its files; its
-- greatest value is the version of the index's catalogue.
CREATE TABLE hosted_project (
    index_name TEXT NOT NULL,
    project TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    created_at_us BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (index_name, project)
);

CREATE INDEX hosted_project_by_seq ON hosted_project (index_name, seq);

INSERT INTO hosted_project (index_name, project, status, reason, created_at_us, seq)
SELECT index_name, project, 'active', NULL, MIN(upload_time_us), MAX(seq) FROM hosted_file GROUP BY index_name, project;

DROP INDEX hosted_file_by_seq;

-- Names of files that were deleted. None is ever used again.
CREATE TABLE deleted_file (
    index_name TEXT NOT NULL,
    file TEXT NOT NULL,
    project TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    deleted_at_us BIGINT NOT NULL,
    reason TEXT,
    seq BIGINT NOT NULL,
    PRIMARY KEY (index_name, file)
);
