-- name: user
-- A user who was not erased, and what the time is. $1 text user id
SELECT user_no, user_id, base_currency, timezone, last_change_no, created_at, erased_at, partita_clock() AS instant
  FROM expense_user WHERE user_id = $1::text AND erased_at IS NULL;

-- name: expense
-- An expense as it is, in one snapshot with its user; without one the user alone. $1 text user id, $2 text expense id
WITH asked AS MATERIALIZED (SELECT * FROM expense_user WHERE user_id = $1::text AND erased_at IS NULL)
SELECT asked.user_no, user_id, base_currency, timezone, last_change_no, created_at, erased_at, e.expense_id, e.version_no, e.date,
       e.category, e.amount_minor, e.currency, e.base_minor, e.rate_over, e.rate_under, e.change_no, e.notes, e.device_id, e.recurring_id, e.deleted
  FROM asked LEFT JOIN (
      SELECT * FROM expense WHERE user_no = (SELECT user_no FROM asked) AND expense_id = $2::text) AS e ON true;

-- name: categories
-- What a user has spent on, the most frequent first: by the latest sums, so that a long history costs no more. $1 text user id,
-- $2 how many sums
WITH asked AS MATERIALIZED (SELECT user_no FROM expense_user WHERE user_id = $1::text AND erased_at IS NULL)
SELECT used.category
  FROM asked LEFT JOIN (
      SELECT category, sum(expenses) AS expenses
        FROM (SELECT category, expenses FROM expense_summary
               WHERE user_no = (SELECT user_no FROM asked) AND expenses > 0 ORDER BY month DESC LIMIT $2) AS latest
       GROUP BY category) AS used ON true
 ORDER BY used.expenses DESC, used.category COLLATE "C";

-- name: recurring
-- Recurring entries in the order of their ids, each with what was agreed of it last. $1 text user id, $2 rows
WITH asked AS MATERIALIZED (SELECT user_no, user_id FROM expense_user WHERE user_id = $1::text AND erased_at IS NULL)
SELECT asked.user_id, entry.*
  FROM asked LEFT JOIN (
      SELECT r.recurring_id, r.next_on, rule.change_no, rule.effective_from, rule.amount_minor, rule.currency, rule.category,
             rule.frequency, rule.starts_on, rule.ends_on, rule.notes, rule.stopped
        FROM (SELECT * FROM recurring WHERE user_no = (SELECT user_no FROM asked) ORDER BY recurring_id LIMIT $2) AS r
       CROSS JOIN LATERAL (
           SELECT * FROM recurring_rule AS agreed
            WHERE agreed.user_no = r.user_no AND agreed.recurring_id = r.recurring_id ORDER BY rule_no DESC LIMIT 1) AS rule
  ) AS entry ON true
 ORDER BY entry.recurring_id;
