-- What exports of statements and of accounts copy.

-- name: statement_rows
-- A run of an account's entries as lines of a statement, each with the balance that it leaves. $1 bigint account_no, $2 the
-- entry before, $3 the last entry, $4 bigint[] entries that count for another month, $5 bigint the balance before them,
-- $6 date the day that they count for or null for the bank's day, $7 text the bank's time zone
SELECT csv_text(account_id), coalesce($6::date, (posted_at AT TIME ZONE $7::text)::date), instant_text(posted_at), entry_no,
       entry_type(entry_type), decimal_of(amount_minor, currency), decimal_of(balance_minor, currency), currency,
       transaction_id, csv_text(description), csv_text(reference)
  FROM (
    SELECT e.*, ($5::bigint + sum(e.amount_minor) OVER (ORDER BY e.entry_no))::bigint AS balance_minor,
           account.account_id, account.currency, answer.command_id AS transaction_id, t.description, t.reference
      FROM every_entry AS e
     CROSS JOIN LATERAL (SELECT account_id, currency FROM account WHERE account_no = e.account_no LIMIT 1) AS account
     CROSS JOIN LATERAL (
         SELECT command_id FROM every_event AS told WHERE told.lane_no = e.lane_no AND told.seq = e.seq LIMIT 1) AS answer
     CROSS JOIN LATERAL (
         SELECT description, reference FROM every_transaction AS t
          WHERE t.lane_no = e.lane_no AND t.seq = e.seq LIMIT 1) AS t
     WHERE e.account_no = $1::bigint AND e.entry_no > $2::bigint AND e.entry_no <= $3::bigint AND e.entry_no <> ALL ($4::bigint[])
     ORDER BY e.entry_no) AS row;

-- name: statement_rows_summed
-- $1 to $7 as above, of which the last three say nothing here
SELECT (SELECT currency FROM account WHERE account_no = $1::bigint) AS currency, count(*) AS rows,
       coalesce(sum(amount_minor), 0)::numeric AS minor
  FROM every_entry
 WHERE account_no = $1 AND entry_no > $2::bigint AND entry_no <= $3::bigint AND entry_no <> ALL ($4::bigint[])
   AND coalesce($5::bigint::text, $6::date::text, $7::text) IS NOT NULL
HAVING count(*) > 0;

-- name: now
-- By which holds have expired or have not.
SELECT partita_clock();

-- name: account_rows
-- Customers' accounts as they are, in the order of their ids. What has expired is available, whether or not anybody has
-- decided on the account since. $1 text the id before, $2 text the last id, $3 instant
SELECT csv_text(account_id), ('{CHECKING,SAVINGS,MONEY_MARKET}'::text[])[account_type], currency,
       ('{ACTIVE,FROZEN,CLOSED}'::text[])[status], csv_text(product), csv_text(customer_id), decimal_of(ledger_minor, currency),
       decimal_of(available_minor + CASE WHEN hold_expiry <= $3::timestamptz THEN expired_minor(account_no, $3) ELSE 0 END, currency),
       decimal_of(overdraft_limit_minor, currency), decimal_of(greatest(0, -ledger_minor), currency),
       csv_text(protection_account_id), instant_text(opened_at), instant_text(closed_at)
  FROM account WHERE account_id > $1::text AND account_id <= $2::text AND lane_no = 0 ORDER BY account_id;

-- name: account_rows_summed
-- $1 to $3 as above; the instant says nothing here
SELECT currency, count(*) AS rows, sum(ledger_minor)::numeric AS minor
  FROM account WHERE account_id > $1::text AND account_id <= $2::text AND lane_no = 0 AND $3::timestamptz IS NOT NULL
 GROUP BY currency;

-- name: account_mark
-- The id with which so many accounts behind another one end, null where there is none behind it. $1 text the id before,
-- $2 integer rows
SELECT max(account_id)
  FROM (SELECT account_id FROM account WHERE account_id > $1::text AND lane_no = 0 ORDER BY account_id LIMIT $2::integer) AS run;
