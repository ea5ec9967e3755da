-- name: accounts
-- A page of accounts in the order of their ids; what lies on a house account is the sum of its lanes. The unique index on
-- (account_id, lane_no) gives the order and ends the scan with the page. $1 the id before, $2 rows, $3 with house accounts
SELECT account_id, min(currency) AS currency, sum(ledger_minor)::numeric AS ledger_minor,
       sum(available_minor)::numeric AS available_minor, min(status) AS status
  FROM account
 WHERE account_id > $1::text AND ($3::boolean OR lane_no = 0)
 GROUP BY account_id
 ORDER BY account_id
 LIMIT $2::integer;
