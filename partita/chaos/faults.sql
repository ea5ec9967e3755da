-- name: end_busy_session
-- Ends one consumer's session that is in the middle of a batch.
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND application_name LIKE 'partita consumer%' AND backend_xid IS NOT NULL LIMIT 1;

-- name: end_consumer_sessions
-- Ends all sessions of consumers: the next ones are made by the database's settings of then.
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND application_name LIKE 'partita consumer%';

-- name: look_late_for_deadlocks
-- Whoever looks first is rolled back: not we.
SET deadlock_timeout = '60s';

-- name: hold_accounts
-- Every customer's account, for as long as the transaction lasts.
SELECT FROM account WHERE lane_no = 0 FOR UPDATE;

-- name: hold_lanes
-- The lanes, which consumers hold that wait for an account: a circle.
SELECT FROM lane FOR UPDATE;

-- name: waiting_for_us
-- How many sessions wait for a lock of ours. Not by pg_stat_activity, which stands still within a transaction.
SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid));

-- name: repeatable_read
-- New sessions see one snapshot a transaction, and fail where a row has changed since.
ALTER DATABASE partita SET default_transaction_isolation = 'repeatable read';

-- name: touch_lanes
-- Makes new versions of rows that a batch waits for, and changes nothing.
UPDATE lane SET records = records;

-- name: read_committed
-- Back to what the program is made for.
ALTER DATABASE partita RESET default_transaction_isolation;
