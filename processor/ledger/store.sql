-- name: find_originals
-- What reversals speak of, one row per leg. A transaction is found through the answer that bears its id. $1 uuid[]
SELECT e.command_id, t.lane_no, t.seq, t.kind, t.currency, t.refusal, r.seq IS NOT NULL AS reversed,
       coalesce(b.amount_minor, t.amount_minor) AS amount_minor,
       source.account_id AS source_id, destination.account_id AS destination_id
  FROM event e
  JOIN transaction t USING (lane_no, seq)
  LEFT JOIN reversal r ON r.original_lane_no = t.lane_no AND r.original_seq = t.seq
  LEFT JOIN batch_leg b ON b.lane_no = t.lane_no AND b.seq = t.seq
  LEFT JOIN account source ON source.account_no = coalesce(b.source_no, t.source_no)
  LEFT JOIN account destination ON destination.account_no = coalesce(b.destination_no, t.destination_no)
 WHERE e.command_id = ANY($1::uuid[]) AND e.kind = 1
 ORDER BY e.command_id, b.leg_no;

-- name: lock_accounts
-- Sorted numbers make two batches unable to deadlock; do not remove the ORDER BY. The rows come back as the last holder
-- of the lock left them. House accounts are not for commands to touch: their rows have a lane. $1 text[] account ids
SELECT account_no, account_id, account_type, currency, product, status, ledger_minor, available_minor,
       overdraft_limit_minor, last_entry_no, opened_at, closed_at, lane_no, chain, version, decided_at
  FROM account WHERE account_id = ANY($1::text[]) AND lane_no = 0 ORDER BY account_no FOR UPDATE;

-- name: house_cash
-- The house's rows of the lanes we hold: the lane's lock is their lock, nobody else can come near them.
-- $1 text[] account ids, $2 integer[] lanes
SELECT account_no, account_id, account_type, currency, product, status, ledger_minor, available_minor,
       overdraft_limit_minor, last_entry_no, opened_at, closed_at, lane_no, chain, version, decided_at
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
-- $1 to $6 as above, $7 smallint[] status, $8 bigint[] overdraft limit, $9 timestamptz[] closed_at, $10 instant
UPDATE account SET ledger_minor = u.ledger_minor, available_minor = u.available_minor, last_entry_no = u.last_entry_no,
       chain = u.chain, status = u.status, overdraft_limit_minor = u.overdraft_limit_minor, closed_at = u.closed_at,
       version = account.version + 1, decided_at = $10
  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[], $7::smallint[],
              $8::bigint[], $9::timestamptz[])
       AS u (account_no, version, ledger_minor, available_minor, last_entry_no, chain, status, overdraft_limit_minor,
             closed_at)
 WHERE account.account_no = u.account_no AND account.version = u.version;
