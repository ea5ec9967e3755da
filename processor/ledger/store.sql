-- name: find_originals
-- What reversals and refunds speak of, one row per leg. A transaction is found through the answer that bears its id.
-- Read before the locks, to know what to lock, and compared with what is so behind them. LIMIT and OFFSET keep the planner
-- from turning the look-ups into joins over whole tables. $1 uuid[]
SELECT e.command_id, t.lane_no, t.seq, t.kind, t.currency, t.refusal, coalesce(b.amount_minor, t.amount_minor) AS amount_minor,
       (SELECT true FROM reversal WHERE original_lane_no = t.lane_no AND original_seq = t.seq LIMIT 1) IS TRUE AS reversed,
       (SELECT account_id FROM account WHERE account_no = coalesce(b.source_no, t.source_no)) AS source_id,
       (SELECT account_id FROM account WHERE account_no = coalesce(b.destination_no, t.destination_no)) AS destination_id
  FROM every_event AS e
 CROSS JOIN LATERAL (SELECT * FROM every_transaction WHERE lane_no = e.lane_no AND seq = e.seq LIMIT 1) AS t
  LEFT JOIN LATERAL (SELECT * FROM every_batch_leg WHERE lane_no = e.lane_no AND seq = e.seq OFFSET 0) AS b ON true
 WHERE e.command_id = ANY($1::uuid[]) AND e.kind = 1
 ORDER BY e.command_id, b.leg_no;

-- name: lock_accounts
-- Sorted numbers make two batches unable to deadlock; do not remove the ORDER BY. The rows come back as the last holder
-- of the lock left them. House accounts are not for commands to touch: their rows have a lane. The zero keeps the planner
-- from reading the whole table because its primary key has this order. $1 text[] account ids
SELECT account_no, account_id, account_type, currency, product, status, ledger_minor, available_minor,
       overdraft_limit_minor, last_entry_no, opened_at, closed_at, customer_id, protection_account_id, good_standing,
       fee_day, fees_on_day, fees_in_month, fee_year, hold_expiry, grace_until, advance_id, lane_no, chain, version, decided_at
  FROM account WHERE account_id = ANY($1::text[]) AND lane_no = 0 ORDER BY account_no + 0 FOR UPDATE;

-- name: find_protectors
-- Whoever may step in for one of these, directly or through others. Links are few, and have an index of their own.
-- Read before the locks, hence compared with the locked rows. $1 text[] account ids
WITH RECURSIVE chain AS (
    SELECT protection_account_id FROM account WHERE account_id = ANY($1::text[]) AND protection_account_id IS NOT NULL
    UNION
    SELECT next.protection_account_id
      FROM chain CROSS JOIN LATERAL (SELECT protection_account_id FROM account
                                      WHERE account_id = chain.protection_account_id AND lane_no = 0 LIMIT 1) AS next
     WHERE next.protection_account_id IS NOT NULL
)
SELECT coalesce(array_agg(protection_account_id), '{}') FROM chain;

-- name: find_protected
-- Whom these accounts step in for. $1 text[] account ids
SELECT coalesce(array_agg(account_id), '{}') FROM account WHERE protection_account_id = ANY($1::text[]);

-- name: house_rows
-- The house's rows of the lanes we hold: the lane's lock is their lock, nobody else can come near them.
-- $1 text[] account ids, $2 integer[] lanes
SELECT account_no, account_id, account_type, currency, product, status, ledger_minor, available_minor,
       overdraft_limit_minor, last_entry_no, opened_at, closed_at, customer_id, protection_account_id, good_standing,
       fee_day, fees_on_day, fees_in_month, fee_year, hold_expiry, grace_until, advance_id, lane_no, chain, version, decided_at
  FROM account WHERE account_id = ANY($1::text[]) AND lane_no = ANY($2::integer[]);

-- name: reserve_numbers
-- One for each row that the batch may open, and the instant at which the house's are. $1 how many
SELECT nextval('account_no'), partita_clock() FROM generate_series(1, $1::integer);

-- name: update_balances
-- What most changes are, with no more than they need: every array costs the driver time for each of its elements.
-- Only where the row is still as it was read, as below. $1 bigint[] account_no, $2 bigint[] version read,
-- $3 bigint[] ledger, $4 bigint[] available, $5 bigint[] last_entry_no, $6 bytea[] chain, $7 instant
UPDATE account SET ledger_minor = u.ledger_minor, available_minor = u.available_minor, last_entry_no = u.last_entry_no,
       chain = u.chain, version = account.version + 1, decided_at = $7
  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[])
       AS u (account_no, version, ledger_minor, available_minor, last_entry_no, chain)
 WHERE account.account_no = u.account_no AND account.version = u.version;

-- name: update_accounts
-- Only where the row is still as it was read: it is locked, so a miss is a bug of ours and the batch is given up.
-- $1 to $6 as above, $7 smallint[] status, $8 bigint[] overdraft limit, $9 timestamptz[] closed_at, $10 text[] product,
-- $11 text[] protector, $12 boolean[] good standing, $13 date[] fee_day, $14 integer[] fees_on_day,
-- $15 integer[] fees_in_month, $16 integer[] fee_year, $17 timestamptz[] hold_expiry, $18 timestamptz[] grace_until,
-- $19 text[] advance_id, $20 instant
UPDATE account SET ledger_minor = u.ledger_minor, available_minor = u.available_minor, last_entry_no = u.last_entry_no,
       chain = u.chain, status = u.status, overdraft_limit_minor = u.overdraft_limit_minor, closed_at = u.closed_at,
       product = u.product, protection_account_id = u.protection_account_id, good_standing = u.good_standing,
       fee_day = u.fee_day, fees_on_day = u.fees_on_day, fees_in_month = u.fees_in_month, fee_year = u.fee_year,
       hold_expiry = u.hold_expiry, grace_until = u.grace_until, advance_id = u.advance_id,
       version = account.version + 1, decided_at = $20
  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[], $7::smallint[],
              $8::bigint[], $9::timestamptz[], $10::text[], $11::text[], $12::boolean[], $13::date[], $14::integer[],
              $15::integer[], $16::integer[], $17::timestamptz[], $18::timestamptz[], $19::text[])
       AS u (account_no, version, ledger_minor, available_minor, last_entry_no, chain, status, overdraft_limit_minor,
             closed_at, product, protection_account_id, good_standing, fee_day, fees_on_day, fees_in_month, fee_year,
             hold_expiry, grace_until, advance_id)
 WHERE account.account_no = u.account_no AND account.version = u.version;
