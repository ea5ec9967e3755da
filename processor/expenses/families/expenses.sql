-- name: expenses
-- The LIMIT keeps the planner, for which the table is still small, from reading the whole of it.
-- $1 bigint[] user_no, $2 text[] expense_id
SELECT found.* FROM unnest($1::bigint[], $2::text[]) AS asked (user_no, expense_id)
 CROSS JOIN LATERAL (SELECT * FROM expense WHERE user_no = asked.user_no AND expense_id = asked.expense_id LIMIT 1) AS found;

-- name: update_expenses
-- Found by its place, for the same reason, and only where it is still as it was read.
-- $1 bigint[] user_no, $2 text[] expense_id, $3 integer[] version of the
-- expense, $4 bigint[] change_no, $5 date[], $6 text[] category, $7 bigint[] amount, $8 text[] currency, $9 bigint[] base
-- amount, $10 text[] over, $11 text[] under, $12 text[] notes, $13 text[] device, $14 boolean[] deleted, $15 bigint[]
-- version read, $16 instant
UPDATE expense SET version_no = u.version_no, change_no = u.change_no, date = u.date, category = u.category,
       amount_minor = u.amount_minor, currency = u.currency, base_minor = u.base_minor, rate_over = u.rate_over,
       rate_under = u.rate_under, notes = u.notes, device_id = u.device_id, deleted = u.deleted,
       version = expense.version + 1, decided_at = $16
  FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::bigint[], $5::date[], $6::text[], $7::bigint[], $8::text[],
              $9::bigint[], $10::text[], $11::text[], $12::text[], $13::text[], $14::boolean[], $15::bigint[])
       AS u (user_no, expense_id, version_no, change_no, date, category, amount_minor, currency, base_minor, rate_over,
             rate_under, notes, device_id, deleted, version)
 CROSS JOIN LATERAL (SELECT ctid AS place FROM expense
                      WHERE user_no = u.user_no AND expense_id = u.expense_id AND version = u.version LIMIT 1) AS found
 WHERE expense.ctid = found.place;
