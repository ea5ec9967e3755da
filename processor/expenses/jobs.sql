-- name: due_recurring
-- Recurring entries that lack a day that has begun for their user, from a place on, its own entry among them. The LIMIT
-- stands inside, before the user is looked up, and the look-up is a LATERAL one of one row: no plan made over small tables
-- can turn it into a join of whole ones. $1 as of, $2 timestamptz, $3 bigint, $4 text: the place, $5 rows
SELECT due.next_due_at, due.recurring_id, due.next_on, owner.*
  FROM (SELECT next_due_at, user_no, recurring_id, next_on FROM recurring
         WHERE next_due_at <= $1 AND (next_due_at, user_no, recurring_id) >= ($2, $3, $4)
         ORDER BY next_due_at, user_no, recurring_id LIMIT $5) AS due
 CROSS JOIN LATERAL (SELECT user_no, user_id, base_currency, timezone, last_change_no, created_at, erased_at
                       FROM expense_user WHERE expense_user.user_no = due.user_no LIMIT 1) AS owner
 ORDER BY due.next_due_at, due.user_no, due.recurring_id;
