-- What the export of revenue copies. $1 integer[] the lanes of a cut and $2 bigint[] the first seq of each that lies above it.

-- name: account_below
-- An account as it stood below the cut, if it was there. $3 text account id
SELECT below.account_no, below.tier
  FROM revenue_account AS a
 CROSS JOIN LATERAL revenue_accounts_below($1::integer[], $2::bigint[], a.account_no, a.account_no) AS below
 WHERE a.account_id = $3::text;

-- name: next_slice
-- The place up to which a slice goes, counted by versions, below the cut or above: an index alone is looked at. $1 to $3 the
-- place before: bigint account_no, date, text record id; $4 how many rows
SELECT account_no, period_start, record_id FROM revenue_record_version
 WHERE (account_no, period_start, record_id) > ($1::bigint, $2::date, $3::text)
 ORDER BY account_no, period_start, record_id OFFSET $4::bigint - 1 LIMIT 1;

-- name: revenue_rows
-- A slice of records as cells of a file, in the order of (account_no, period_start, record_id). $3 to $5 the place behind
-- which it begins, $6 to $8 the place up to which it goes, $9 the first period_start and $10 the one after the last, $11 the
-- tier or null
SELECT csv_text(account_id) AS account_id, csv_text(name) AS name, tier, csv_text(record_id) AS record_id,
       decimal_of(amount_minor, currency) AS amount, currency,
       to_char(period_start, 'YYYY-MM-DD') AS period_start, to_char(period_end, 'YYYY-MM-DD') AS period_end
  FROM revenue_below($1::integer[], $2::bigint[], $3::bigint, $4::date, $5::text, $6::bigint, $7::date, $8::text, $9::date,
                     $10::date, $11::text) AS r
 ORDER BY account_no, r.period_start, r.record_id;

-- name: revenue_sums
-- What the same slice sums up to by currency. $1 to $11 as above
SELECT currency, count(*) AS rows, sum(amount_minor)::numeric AS minor
  FROM revenue_below($1::integer[], $2::bigint[], $3::bigint, $4::date, $5::text, $6::bigint, $7::date, $8::text, $9::date,
                     $10::date, $11::text)
 GROUP BY currency;
