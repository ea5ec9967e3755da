-- What exports of expenses copy and draw: a user's year, by the versions that lie below a cut. All versions of the user are
-- looked through, by the primary key. After an erasure texts are gone from versions too.

-- name: user_below
-- A user who was created below a cut, and not erased below it. $1 text user id, $2 integer[] lane_no, $3 bigint[] where each
-- stood
SELECT user_no, base_currency FROM expense_user
 WHERE user_id = $1::text AND seq < ($3::bigint[])[array_position($2::integer[], lane_no)]
   AND (erased_at IS NULL OR (
       SELECT e.seq FROM event AS e
        WHERE e.aggregatetype = 'expenses' AND e.aggregateid = $1 AND e.type = 'user.erased' AND e.kind = 1
          AND e.seq < ($3)[array_position($2, e.lane_no)] LIMIT 1) IS NULL);

-- name: expense_rows
-- $1 bigint user_no, $2 text the user's currency, $3 and $4 date the first day and the last, $5 and $6 the cut's lanes and
-- seqs
SELECT date, csv_text(category), csv_text(notes), decimal_of(amount_minor, currency), currency, decimal_of(base_minor, $2::text),
       $2::text, rate_text(rate_over, rate_under), csv_text(expense_id)
  FROM expenses_below($1::bigint, $3::date, $4::date, $5::integer[], $6::bigint[]) ORDER BY date, expense_id COLLATE "C";

-- name: expense_rows_summed
-- By the numbers of versions, which count up. $1 to $6 as above; the user's currency says nothing here
SELECT currency, count(*) AS rows, sum(amount_minor)::numeric AS minor
  FROM (SELECT *, max(version_no) OVER (PARTITION BY expense_id) AS last_version_no FROM expense_version
         WHERE user_no = $1::bigint AND seq < ($6::bigint[])[array_position($5::integer[], lane_no)]) AS version
 WHERE version_no = last_version_no AND NOT deleted AND date BETWEEN $3::date AND $4::date AND $2::text IS NOT NULL
 GROUP BY currency;

-- name: expense_totals
-- What the year sums up to. $1 bigint user_no, $2 and $3 date the first day and the last, $4 and $5 the cut's lanes and seqs
SELECT category, count(*) AS expenses, sum(base_minor)::numeric AS base_minor
  FROM expenses_below($1::bigint, $2::date, $3::date, $4::integer[], $5::bigint[])
 GROUP BY category ORDER BY category COLLATE "C";

-- name: expense_values
-- The same rows for a document. $1 to $5 as above
SELECT date, category, notes, amount_minor, currency, base_minor, rate_text(rate_over, rate_under) AS rate, expense_id
  FROM expenses_below($1::bigint, $2::date, $3::date, $4::integer[], $5::bigint[]) ORDER BY date, expense_id COLLATE "C";
