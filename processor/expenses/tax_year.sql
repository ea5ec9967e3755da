-- name: settle_tax_year
-- Read along the index: it has the order of the rows, so that no more than a day of them is ever sorted.
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;

-- name: tax_user
-- Whose year it is, and what the time is. $1 text user id
SELECT user_no, base_currency, partita_clock() AS instant FROM expense_user WHERE user_id = $1::text AND erased_at IS NULL;

-- name: tax_totals
-- What a year sums up to, from the rows themselves. $1 bigint user_no, $2 and $3 date the first day and the last
SELECT category, count(*) AS expenses, sum(base_minor)::numeric AS base_minor
  FROM expense WHERE user_no = $1 AND date BETWEEN $2 AND $3 AND NOT deleted
 GROUP BY category ORDER BY category COLLATE "C";

-- name: tax_rows
-- The expenses of a year in the order of their days and ids. $1 to $3 as above
SELECT date, category, notes, amount_minor, currency, base_minor, rate_over, rate_under, expense_id
  FROM expense WHERE user_no = $1 AND date BETWEEN $2 AND $3 AND NOT deleted
 ORDER BY date, expense_id COLLATE "C";
