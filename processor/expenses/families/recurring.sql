-- name: recurring
-- Those that are named, and all of some users. LIMIT and OFFSET keep the planner, for which the tables are still small, from
-- reading the whole of them, here and below. $1 bigint[] user_no, $2 text[] recurring_id; $3 bigint[] users
SELECT found.* FROM unnest($1::bigint[], $2::text[]) AS asked (user_no, recurring_id)
 CROSS JOIN LATERAL (SELECT * FROM recurring
                      WHERE user_no = asked.user_no AND recurring_id = asked.recurring_id LIMIT 1) AS found
UNION
SELECT found.* FROM unnest($3::bigint[]) AS asked (user_no)
 CROSS JOIN LATERAL (SELECT * FROM recurring WHERE user_no = asked.user_no OFFSET 0) AS found;

-- name: recurring_rules
-- In the order in which they were set. $1 bigint[] user_no, $2 text[] recurring_id
SELECT found.* FROM unnest($1::bigint[], $2::text[]) AS asked (user_no, recurring_id)
 CROSS JOIN LATERAL (SELECT * FROM recurring_rule
                      WHERE user_no = asked.user_no AND recurring_id = asked.recurring_id OFFSET 0) AS found
 ORDER BY user_no, recurring_id, rule_no;

-- name: recurring_made
-- The days made behind the first that has not been, and the last of all. $1 bigint[] user_no, $2 text[] recurring_id,
-- $3 date[] the first day that has not been made
SELECT asked.user_no, asked.recurring_id, made.date
  FROM unnest($1::bigint[], $2::text[], $3::date[]) AS asked (user_no, recurring_id, next_on)
 CROSS JOIN LATERAL (
    (SELECT date FROM recurring_entry
      WHERE user_no = asked.user_no AND recurring_id = asked.recurring_id AND date > asked.next_on OFFSET 0)
    UNION
    (SELECT date FROM recurring_entry
      WHERE user_no = asked.user_no AND recurring_id = asked.recurring_id ORDER BY date DESC LIMIT 1)
 ) AS made;

-- name: update_recurring
-- Found by its place, for the same reason, and only where it is still as it was read.
-- $1 bigint[] user_no, $2 text[] recurring_id, $3 integer[] rules,
-- $4 date[] next day, $5 timestamptz[] when it begins, $6 bigint[] version read, $7 instant
UPDATE recurring SET rules = u.rules, next_on = u.next_on, next_due_at = u.next_due_at,
       version = recurring.version + 1, decided_at = $7
  FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::date[], $5::timestamptz[], $6::bigint[])
       AS u (user_no, recurring_id, rules, next_on, next_due_at, version)
 CROSS JOIN LATERAL (SELECT ctid AS place FROM recurring
                      WHERE user_no = u.user_no AND recurring_id = u.recurring_id AND version = u.version LIMIT 1) AS found
 WHERE recurring.ctid = found.place;
