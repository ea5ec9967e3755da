-- name: wait_for_others
-- A session lock, so that each step can have a transaction of its own. The number spells "part" "migr".
SELECT pg_advisory_lock(8097879367930341234);

-- name: let_others
SELECT pg_advisory_unlock(8097879367930341234);

-- name: create_record
CREATE TABLE IF NOT EXISTS schema_migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    digest text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- name: has_record
SELECT to_regclass('schema_migration');

-- name: applied
SELECT number, digest FROM schema_migration ORDER BY number;

-- name: record
INSERT INTO schema_migration (number, name, digest) VALUES ($1, $2, $3);
