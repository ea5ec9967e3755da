-- name: lock_users
-- In the order of their ids, so that two batches wait for one another and do not deadlock. $1 text[] user ids
SELECT user_no, user_id, base_currency, timezone, last_change_no, created_at, erased_at, version, decided_at
  FROM expense_user WHERE user_id = ANY($1::text[]) ORDER BY user_id FOR UPDATE;

-- name: user_numbers
-- One for each user that may be created; gaps are harmless. $1 how many
SELECT nextval('user_no') AS user_no FROM generate_series(1, $1::integer);

-- name: update_users
-- The row is found by its place, which keeps the planner from reading a small table whole, and changed only where it is
-- still as it was read. $1 bigint[] user_no, $2 text[] time zone, $3 bigint[] last change,
-- $4 timestamptz[] erased, $5 bigint[] version read, $6 instant
UPDATE expense_user SET timezone = u.timezone, last_change_no = u.last_change_no, erased_at = u.erased_at,
       version = expense_user.version + 1, decided_at = $6
  FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::timestamptz[], $5::bigint[])
       AS u (user_no, timezone, last_change_no, erased_at, version)
 CROSS JOIN LATERAL (SELECT ctid AS place FROM expense_user
                      WHERE user_no = u.user_no AND version = u.version LIMIT 1) AS found
 WHERE expense_user.ctid = found.place;
