-- When files of upstream were last used, for those who make room. Losing it loses nothing but the order.
CREATE TABLE upstream_use (
    sha256 TEXT NOT NULL PRIMARY KEY,
    used_at_us BIGINT NOT NULL
);
