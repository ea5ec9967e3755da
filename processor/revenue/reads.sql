-- name: account
-- An account that was not deleted. $1 text account id
SELECT account_id, name, tier, version_no, records, created_at FROM live_revenue_account WHERE account_id = $1::text;

-- name: accounts
-- Accounts in the order of their ids, behind one of them, of one tier or of all. $1 text account id, $2 rows, $3 text tier or null
SELECT account_id, name, tier, version_no, records, created_at
  FROM live_revenue_account WHERE account_id > $1::text AND ($3::text IS NULL OR tier = $3) ORDER BY account_id LIMIT $2;

-- name: records
-- An account's records in the order of (period_start, record_id), from behind a place in it to a day; the account alone where
-- there are none. The index gives the order and ends the scan with the page. $1 text account id, $2 date and $3 text the
-- place, $4 date the last, $5 rows
WITH asked AS MATERIALIZED (SELECT account_no FROM live_revenue_account WHERE account_id = $1::text)
SELECT r.*
  FROM asked LEFT JOIN (
      SELECT account_id, record_id, version_no, amount_minor, currency, period_start, period_end FROM live_revenue
       WHERE account_no = (SELECT account_no FROM asked) AND (period_start, record_id) > ($2::date, $3::text) AND period_start <= $4
       ORDER BY period_start, record_id LIMIT $5) AS r ON true
 ORDER BY r.period_start, r.record_id;

-- name: months
-- What an account has paid by currency and month; the account alone where it has no record. Read from the index alone.
-- $1 text account id
WITH asked AS MATERIALIZED (SELECT account_no FROM live_revenue_account WHERE account_id = $1::text)
SELECT m.*
  FROM asked LEFT JOIN (
      SELECT currency, date_trunc('month', period_start::timestamp)::date AS month,
             sum(amount_minor)::numeric AS amount_minor, count(*) AS records
        FROM live_revenue WHERE account_no = (SELECT account_no FROM asked) GROUP BY 1, 2) AS m ON true
 ORDER BY m.currency COLLATE "C", m.month;
