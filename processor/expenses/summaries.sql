-- name: month
-- What a user has spent in a month by category, with the budget that holds: the month's own before every month's. One snapshot.
-- $1 text user id, $2 date the month's first day
WITH asked AS MATERIALIZED (SELECT user_no, base_currency FROM expense_user WHERE user_id = $1::text AND erased_at IS NULL),
     spent AS (
         SELECT category, spent_minor, expenses FROM expense_summary
          WHERE user_no = (SELECT user_no FROM asked) AND month = $2 AND expenses > 0),
     capped AS (
         SELECT DISTINCT ON (category) category, limit_minor
           FROM (SELECT category, limit_minor, 1 AS rank FROM budget
                  WHERE user_no = (SELECT user_no FROM asked) AND month = $2 AND limit_minor IS NOT NULL
                 UNION ALL
                 SELECT category, limit_minor, 2 FROM budget
                  WHERE user_no = (SELECT user_no FROM asked) AND month IS NULL AND limit_minor IS NOT NULL) AS held
          ORDER BY category, rank)
SELECT asked.base_currency, cell.*
  FROM asked LEFT JOIN (
      SELECT $2::date AS month, category, coalesce(spent_minor, 0) AS spent_minor, coalesce(expenses, 0) AS expenses, limit_minor
        FROM spent FULL JOIN capped USING (category)) AS cell ON true;

-- name: months
-- What a user has spent by month and category in a stretch of months. $1 text user id, $2 and $3 date the first days of the
-- first month and of the last
WITH asked AS MATERIALIZED (SELECT user_no, base_currency FROM expense_user WHERE user_id = $1::text AND erased_at IS NULL)
SELECT asked.base_currency, cell.*
  FROM asked LEFT JOIN (
      SELECT month, category, spent_minor, expenses, NULL::bigint AS limit_minor FROM expense_summary
       WHERE user_no = (SELECT user_no FROM asked) AND month BETWEEN $2 AND $3 AND expenses > 0) AS cell ON true;

-- name: trend
-- What a user has spent by month, on one category or on all. $1 to $3 as above, $4 text category or null
WITH asked AS MATERIALIZED (SELECT user_no, base_currency FROM expense_user WHERE user_id = $1::text AND erased_at IS NULL)
SELECT asked.base_currency, cell.*
  FROM asked LEFT JOIN (
      SELECT month, '' AS category, sum(spent_minor)::numeric AS spent_minor, sum(expenses) AS expenses,
             NULL::bigint AS limit_minor
        FROM expense_summary
       WHERE user_no = (SELECT user_no FROM asked) AND month BETWEEN $2 AND $3 AND expenses > 0
         AND ($4::text IS NULL OR category = $4)
       GROUP BY month) AS cell ON true;
