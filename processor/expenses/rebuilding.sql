-- Sums from the expenses they are of, a page of users at a time: see `rebuilding.py`.

-- name: lock_page
-- In the order in which batches lock users. The next page begins behind the last of these. $1 text user_id, $2 users
SELECT user_no, user_id FROM expense_user WHERE user_id > $1 ORDER BY user_id LIMIT $2 FOR UPDATE;

-- name: lock_user
-- $1 text user_id
SELECT user_no FROM expense_user WHERE user_id = $1 FOR UPDATE;

-- name: rebuild
-- Behind the locks, in a statement of its own: what was waited for is read. A sum that differs is written anew and keeps
-- what was told of its budget; one that is missing learns that from what was told, and one of a month and a category
-- which there never were goes. All are as of the user's last change. $1 bigint[] user_no
WITH counted AS (
    SELECT user_no, date_trunc('month', date::timestamp)::date AS month, category, sum(base_minor)::bigint AS spent_minor,
           count(*)::integer AS expenses
      FROM expense WHERE user_no = ANY($1::bigint[]) AND NOT deleted GROUP BY 1, 2, 3
), compared AS (
    SELECT user_no, month, category, s.user_no IS NULL AS is_missing, u.user_id, u.decided_at,
           coalesce(c.spent_minor, 0) AS spent_minor, coalesce(c.expenses, 0) AS expenses,
           (s.spent_minor, s.expenses) IS DISTINCT FROM (coalesce(c.spent_minor, 0), coalesce(c.expenses, 0)) AS differs,
           c.user_no IS NULL AND NOT EXISTS (
               SELECT FROM expense_version AS v
                WHERE v.user_no = s.user_no AND v.category = s.category
                  AND v.date >= s.month AND v.date < s.month + interval '1 month') AS never_was
      FROM (SELECT * FROM expense_summary WHERE user_no = ANY($1)) AS s
      FULL JOIN counted AS c USING (user_no, month, category) JOIN expense_user AS u USING (user_no)
), removed AS (
    DELETE FROM expense_summary AS s USING compared AS c
     WHERE (s.user_no, s.month, s.category) = (c.user_no, c.month, c.category) AND c.never_was RETURNING 1
), changed AS (
    UPDATE expense_summary AS s
       SET spent_minor = c.spent_minor, expenses = c.expenses, version = s.version + 1, decided_at = c.decided_at
      FROM compared AS c
     WHERE (s.user_no, s.month, s.category) = (c.user_no, c.month, c.category) AND c.differs AND NOT c.never_was RETURNING 1
), added AS (
    INSERT INTO expense_summary (user_no, month, category, spent_minor, expenses, told, decided_at)
    SELECT user_no, month, category, spent_minor, expenses, coalesce(told.percent, 0), decided_at
      FROM compared AS c LEFT JOIN LATERAL (
          SELECT max((said ->> 'percent')::smallint) AS percent
            FROM (SELECT said_in(payload) AS said FROM every_event
                   WHERE aggregatetype = 'expenses' AND aggregateid = c.user_id AND type = 'budget.threshold_reached') AS reached
           WHERE said ->> 'category' = c.category AND said ->> 'month' = to_char(c.month, 'YYYY-MM')) AS told ON true
     WHERE is_missing RETURNING 1
)
SELECT (SELECT count(*) FROM compared WHERE NOT never_was) AS sums,
       (SELECT count(*) FROM removed) + (SELECT count(*) FROM changed) + (SELECT count(*) FROM added) AS differed;
