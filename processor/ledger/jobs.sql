-- name: due_holds
-- Holds that have expired and were not swept. The LIMIT stands inside, before the account is looked up, and the look-up
-- is a LATERAL one of one row: no plan made over small tables can turn it into a join of whole ones.
-- $1 as of, $2 timestamptz, $3 bigint, $4 text: the place, $5 rows
SELECT due.expires_at, due.account_no, due.hold_id, account.account_id
  FROM (SELECT expires_at, account_no, hold_id FROM hold
         WHERE status = 1 AND expires_at IS NOT NULL AND expires_at <= $1
           AND (expires_at, account_no, hold_id) > ($2, $3, $4)
         ORDER BY expires_at, account_no, hold_id LIMIT $5) AS due
 CROSS JOIN LATERAL (SELECT account_id FROM account WHERE account.account_no = due.account_no LIMIT 1) AS account
 ORDER BY 1, 2, 3;

-- name: due_accruals
-- Accounts that lack a day up to a day that has ended. $1 date: that day, $2 date, $3 bigint: the place, $4 rows
SELECT due.accrued_until, due.account_no, account.account_id
  FROM (SELECT accrued_until, account_no FROM interest
         WHERE NOT idle AND accrued_until < $1 AND (accrued_until, account_no) > ($2, $3)
         ORDER BY accrued_until, account_no LIMIT $4) AS due
 CROSS JOIN LATERAL (SELECT account_id FROM account WHERE account.account_no = due.account_no LIMIT 1) AS account
 ORDER BY 1, 2;

-- name: due_postings
-- Accounts that lack a month up to one that has ended. $1 date: its last day, $2 date, $3 bigint: the place, $4 rows
SELECT due.posted_until, due.account_no, account.account_id
  FROM (SELECT posted_until, account_no FROM interest
         WHERE NOT idle AND posted_until < $1 AND (posted_until, account_no) > ($2, $3)
         ORDER BY posted_until, account_no LIMIT $4) AS due
 CROSS JOIN LATERAL (SELECT account_id FROM account WHERE account.account_no = due.account_no LIMIT 1) AS account
 ORDER BY 1, 2;

-- name: due_payments
-- Payments of advances that are to be collected. $1 date: today, $2 date, $3 bigint, $4 text, $5 integer: the place, $6 rows
SELECT due.due, due.account_no, due.advance_id, due.payment_no, account.account_id
  FROM (SELECT due, account_no, advance_id, payment_no FROM advance_payment
         WHERE status = 1 AND due <= $1 AND (due, account_no, advance_id, payment_no) > ($2, $3, $4, $5)
         ORDER BY due, account_no, advance_id, payment_no LIMIT $6) AS due
 CROSS JOIN LATERAL (SELECT account_id FROM account WHERE account.account_no = due.account_no LIMIT 1) AS account
 ORDER BY 1, 2, 3, 4;
