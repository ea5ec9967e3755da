-- name: lock_accounts
-- In the order of their ids, so that two batches wait for one another and do not deadlock; deleted ones too, for their ids
-- stay taken. $1 text[] account ids
SELECT account_no, account_id, name, tier, version_no, records, created_at, deleted_at, version, decided_at
  FROM revenue_account WHERE account_id = ANY($1::text[]) ORDER BY account_id FOR UPDATE;

-- name: account_numbers
-- One for each account that may be created; gaps are harmless. $1 how many
SELECT nextval('revenue_account_no') AS account_no FROM generate_series(1, $1::integer);

-- name: update_accounts
-- The row is found by its place, which keeps the planner from reading a small table whole, and changed only where it is
-- still as it was read. $1 bigint[] account_no, $2 integer[] version of the account, $3 bigint[] records, $4 text[] name,
-- $5 text[] tier, $6 timestamptz[] deleted, $7 bigint[] version read, $8 instant
UPDATE revenue_account SET version_no = u.version_no, records = u.records, name = u.name, tier = u.tier,
       deleted_at = u.deleted_at, version = revenue_account.version + 1, decided_at = $8
  FROM unnest($1::bigint[], $2::integer[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[], $7::bigint[])
       AS u (account_no, version_no, records, name, tier, deleted_at, version)
 CROSS JOIN LATERAL (SELECT ctid AS place FROM revenue_account
                      WHERE account_no = u.account_no AND version = u.version LIMIT 1) AS found
 WHERE revenue_account.ctid = found.place;
