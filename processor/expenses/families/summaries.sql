-- name: summaries
-- The LIMIT keeps the planner, for which the table is still small, from reading the whole of it.
-- $1 bigint[] user_no, $2 date[] month, $3 text[] category
SELECT found.* FROM unnest($1::bigint[], $2::date[], $3::text[]) AS asked (user_no, month, category)
 CROSS JOIN LATERAL (SELECT * FROM expense_summary
                      WHERE user_no = asked.user_no AND month = asked.month AND category = asked.category LIMIT 1) AS found;

-- name: update_summaries
-- Found by its place, for the same reason, and only where it is still as it was read.
-- $1 bigint[] user_no, $2 date[] month, $3 text[] category, $4 bigint[] spent,
-- $5 integer[] expenses, $6 smallint[] told, $7 bigint[] version read, $8 instant
UPDATE expense_summary SET spent_minor = u.spent_minor, expenses = u.expenses, told = u.told,
       version = expense_summary.version + 1, decided_at = $8
  FROM unnest($1::bigint[], $2::date[], $3::text[], $4::bigint[], $5::integer[], $6::smallint[], $7::bigint[])
       AS u (user_no, month, category, spent_minor, expenses, told, version)
 CROSS JOIN LATERAL (SELECT ctid AS place FROM expense_summary
                      WHERE user_no = u.user_no AND month = u.month AND category = u.category AND version = u.version
                      LIMIT 1) AS found
 WHERE expense_summary.ctid = found.place;
