-- name: records
-- Deleted ones too, for their ids stay taken. The LIMIT keeps the planner, for which the table is still small, from reading
-- the whole of it. $1 bigint[] account_no, $2 text[] record_id
SELECT found.* FROM unnest($1::bigint[], $2::text[]) AS asked (account_no, record_id)
 CROSS JOIN LATERAL (SELECT * FROM revenue_record
                      WHERE account_no = asked.account_no AND record_id = asked.record_id LIMIT 1) AS found;

-- name: update_records
-- Found by its place, for the same reason, and only where it is still as it was read. $1 bigint[] account_no, $2 text[]
-- record_id, $3 integer[] version of the record, $4 bigint[] amount, $5 text[] currency, $6 date[] the period's first day,
-- $7 date[] its last, $8 boolean[] deleted, $9 bigint[] version read, $10 instant
UPDATE revenue_record SET version_no = u.version_no, amount_minor = u.amount_minor, currency = u.currency,
       period_start = u.period_start, period_end = u.period_end, deleted = u.deleted, version = revenue_record.version + 1,
       decided_at = $10
  FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::bigint[], $5::text[], $6::date[], $7::date[], $8::boolean[],
              $9::bigint[])
       AS u (account_no, record_id, version_no, amount_minor, currency, period_start, period_end, deleted, version)
 CROSS JOIN LATERAL (SELECT ctid AS place FROM revenue_record
                      WHERE account_no = u.account_no AND record_id = u.record_id AND version = u.version LIMIT 1) AS found
 WHERE revenue_record.ctid = found.place;
