-- name: budgets
-- LIMIT and OFFSET keep the planner, for which the table is still small, from reading the whole of it.
-- $1 bigint[] user_no, $2 text[] category
SELECT found.* FROM unnest($1::bigint[], $2::text[]) AS asked (user_no, category)
 CROSS JOIN LATERAL (SELECT * FROM budget WHERE user_no = asked.user_no AND category = asked.category OFFSET 0) AS found;

-- name: update_budgets
-- Found by its place, for the same reason, and only where it is still as it was read; a month that is null is every month.
-- $1 bigint[] user_no, $2 text[] category,
-- $3 date[] month, $4 bigint[] limit, $5 bigint[] version read, $6 instant
UPDATE budget SET limit_minor = u.limit_minor, version = budget.version + 1, decided_at = $6
  FROM unnest($1::bigint[], $2::text[], $3::date[], $4::bigint[], $5::bigint[])
       AS u (user_no, category, month, limit_minor, version)
 CROSS JOIN LATERAL (SELECT ctid AS place FROM budget
                      WHERE user_no = u.user_no AND category = u.category AND month IS NOT DISTINCT FROM u.month
                        AND version = u.version LIMIT 1) AS found
 WHERE budget.ctid = found.place;
