-- name: expenses
-- A user's expenses that were not deleted, the latest first, behind a place in that order, of one category or of all. The index on
-- (user_no, date, category) gives the order and ends the scan with the page. $1 text user id, $2 date from, $3 to $5 the
-- place: date, text category, text expense id, $6 text category or null, $7 rows
WITH asked AS MATERIALIZED (SELECT * FROM expense_user WHERE user_id = $1::text AND erased_at IS NULL)
SELECT asked.user_no, user_id, base_currency, timezone, last_change_no, created_at, erased_at, e.expense_id, e.version_no, e.date,
       e.category, e.amount_minor, e.currency, e.base_minor, e.rate_over, e.rate_under, e.change_no, e.notes, e.device_id,
       e.recurring_id, e.deleted
  FROM asked LEFT JOIN (
      SELECT * FROM expense
       WHERE user_no = (SELECT user_no FROM asked) AND date >= $2
         AND (date, category, expense_id) < ($3::date, $4::text, $5::text) AND ($6::text IS NULL OR category = $6) AND NOT deleted
       ORDER BY date DESC, category DESC, expense_id DESC LIMIT $7) AS e ON true
 ORDER BY e.date DESC, e.category DESC, e.expense_id DESC;
