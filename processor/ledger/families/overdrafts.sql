-- name: open_fees
-- Behind the locks of their accounts. The LIMIT keeps the planner from turning the look-ups of what has come back into a
-- join over the whole table. $1 bigint[] account_no, $2 instant
SELECT account_no, lane_no, seq, fee_no, amount_minor, refundable_until
  FROM overdraft_fee AS fee
 WHERE account_no = ANY($1::bigint[]) AND refundable_until >= $2
   AND (SELECT true FROM fee_refund
         WHERE fee_lane_no = fee.lane_no AND fee_seq = fee.seq AND fee_refund.fee_no = fee.fee_no LIMIT 1) IS NULL
 ORDER BY account_no, charged_at, lane_no, seq, fee_no;

-- name: audit_overdraft_fees
-- Each fee against a debit of its account, and the product that the account had, in the version of that time. plain,
-- standard and savings are in no table: what they charge is part of the contract. $1 account_no: the first; $3: the one
-- after the last
WITH rules AS (
    SELECT product, product_version, fee_minor, grace_hours, defined_at, partition, seq
      FROM product_version LEFT JOIN lane USING (lane_no)
    UNION ALL
    SELECT product, 1, fee_minor, 0, '-infinity', 0, 0
      FROM (VALUES ('plain', 0), ('standard', 3500), ('savings', 3500)) AS own (product, fee_minor)
), judged AS (
    SELECT f.account_no, f.seq, f.amount_minor, f.day, f.charged_at, f.product, f.product_version, f.leg_no,
           format('account %s: fee %s of transaction %s of lane %s', f.account_no, f.fee_no, f.seq, f.lane_no) AS named,
           t.refusal IS NULL AND t.posted_at = f.charged_at
           AND count(*) OVER (PARTITION BY f.lane_no, f.seq, f.account_no) <= CASE
               WHEN t.kind IN (1, 3, 7, 8) THEN (t.source_no = f.account_no)::integer
               WHEN t.kind = 5 THEN (
                   SELECT count(*) FROM every_batch_leg AS leg
                    WHERE (leg.lane_no, leg.seq, leg.source_no) = (f.lane_no, f.seq, f.account_no)) END AS belongs,
           (side.kind, side.source_no, side.amount_minor) = (2, f.account_no, f.amount_minor) AS moved,
           terms.product AS true_product, rules.fee_minor,
           (rules.defined_at, rules.partition, rules.seq) < (f.charged_at, lane.partition, f.seq) AND NOT EXISTS (
               SELECT FROM product_version AS later LEFT JOIN lane AS own USING (lane_no)
                WHERE later.product = f.product AND later.product_version > f.product_version
                  AND (later.defined_at, own.partition, later.seq) < (f.charged_at, lane.partition, f.seq)) AS of_its_time,
           f.refundable_until IS NOT DISTINCT FROM CASE WHEN f.amount_minor > 0 AND rules.grace_hours > 0
               THEN f.charged_at + make_interval(hours => rules.grace_hours) END AS true_grace
      FROM overdraft_fee AS f LEFT JOIN lane USING (lane_no)
      LEFT JOIN every_transaction AS t ON t.lane_no = f.lane_no AND t.seq = f.seq
      LEFT JOIN every_side_leg AS side ON side.lane_no = f.lane_no AND side.seq = f.seq AND side.leg_no = f.leg_no
      LEFT JOIN rules ON rules.product = f.product AND rules.product_version = f.product_version
      LEFT JOIN LATERAL (
          SELECT product FROM account_terms AS s LEFT JOIN lane AS own USING (lane_no)
           WHERE s.account_no = f.account_no AND s.set_at <= f.charged_at
             AND (s.set_at, own.partition, s.seq) < (f.charged_at, lane.partition, f.seq)
           ORDER BY s.set_at DESC, own.partition DESC, s.seq DESC LIMIT 1) AS terms ON true
     WHERE f.account_no >= $1 AND f.account_no < $3 AND ($2::bigint, $4::bigint) IS NOT NULL
), bad AS (
    SELECT account_no, seq, named || ' is that of no debit' AS finding FROM judged WHERE belongs IS NOT TRUE
    UNION ALL
    SELECT account_no, seq, format('%s fell due under version %s of %s, the account had %s', named, product_version, product,
                                   coalesce(true_product, 'no product'))
      FROM judged WHERE (product = true_product AND of_its_time) IS NOT TRUE
    UNION ALL
    SELECT account_no, seq, format('%s is %s, its product has %s', named, amount_minor, fee_minor)
      FROM judged WHERE amount_minor > 0 AND amount_minor <> fee_minor OR fee_minor = 0
    UNION ALL
    SELECT account_no, seq, named || ' is not what its leg moved'
      FROM judged WHERE (amount_minor > 0 OR leg_no IS NOT NULL) AND moved IS NOT TRUE
    UNION ALL
    SELECT account_no, seq, named || ' comes back until another time than its product says'
      FROM judged WHERE fee_minor IS NOT NULL AND NOT true_grace
    UNION ALL
    SELECT account_no, seq, format('%s was charged at %s and counts for %s', named, charged_at, day)
      FROM judged WHERE abs(day - (charged_at AT TIME ZONE 'UTC')::date) > 1
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no, seq LIMIT 10) AS findings;

-- name: audit_fee_entries
-- A fee falls due where the balance is below zero before it. $1 account_no, $2 entry_no: the first; $3, $4: the one
-- after the last
WITH judged AS (
    SELECT account_no, entry_no, balance_after_minor - amount_minor AS before_minor FROM every_entry
     WHERE (account_no, entry_no) >= ($1::bigint, $2::bigint) AND (account_no, entry_no) < ($3::bigint, $4::bigint)
       AND entry_type = 5 AND amount_minor < 0
), bad AS (
    SELECT account_no, entry_no, format('account %s: entry %s is a fee on a balance of %s',
                                        account_no, entry_no, before_minor) AS finding
      FROM judged WHERE before_minor >= 0
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no, entry_no LIMIT 10) AS findings;

-- name: audit_fee_legs
-- The other way round: each leg that moved a fee is that of one. $1 lane, $2 the first seq, $3 the one after the last
WITH judged AS (
    SELECT leg.seq, leg.leg_no, count(fee.seq) AS fees
      FROM every_side_leg AS leg LEFT JOIN (
          SELECT * FROM overdraft_fee WHERE lane_no = $1 AND seq >= $2 AND seq < $3) AS fee USING (lane_no, seq, leg_no)
     WHERE leg.lane_no = $1 AND leg.seq >= $2 AND leg.seq < $3 AND leg.kind = 2
     GROUP BY leg.seq, leg.leg_no
), bad AS (
    SELECT seq, format('transaction %s of lane %s: side leg %s is that of %s fees', seq, $1, leg_no, fees) AS finding
      FROM judged WHERE fees <> 1
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;

-- name: audit_fee_caps
-- How many were charged so far on a fee's day and in its month, itself included; a waived one needs room for one. Then
-- what the account's row counts. $1 account_no: the first; $3: the one after the last
WITH rules AS (
    SELECT product, product_version, fees_per_day, fees_per_month FROM product_version
    UNION ALL
    SELECT product, 1, 3, 10 FROM (VALUES ('standard'), ('savings')) AS own (product)
), fees AS (
    SELECT f.*, partition, date_trunc('month', day) AS month, (amount_minor = 0)::integer AS waived
      FROM overdraft_fee AS f LEFT JOIN lane USING (lane_no)
     WHERE account_no >= $1 AND account_no < $3 AND ($2::bigint, $4::bigint) IS NOT NULL
), judged AS (
    SELECT fees.*, fees_per_day, fees_per_month, waived + sum(1 - waived) OVER on_this AS on_day,
           waived + sum(1 - waived) OVER in_this AS in_month
      FROM fees LEFT JOIN rules USING (product, product_version)
    WINDOW on_this AS (PARTITION BY account_no, day ORDER BY charged_at, partition, seq, fee_no),
           in_this AS (PARTITION BY account_no, month ORDER BY charged_at, partition, seq, fee_no)
), last_days AS (
    SELECT DISTINCT ON (account_no) account_no, day, month FROM fees WHERE waived = 0
     ORDER BY account_no, charged_at DESC, partition DESC, seq DESC, fee_no DESC
), counted AS (
    SELECT account_no, last.day, count(*) FILTER (WHERE fees.day = last.day) AS on_day, count(*) AS in_month
      FROM last_days AS last JOIN fees USING (account_no, month) WHERE waived = 0 GROUP BY account_no, last.day
), rows AS (
    SELECT account_no, account_id, fee_day, fees_on_day, fees_in_month, day, coalesce(on_day, 0) AS on_day,
           coalesce(in_month, 0) AS in_month
      FROM account LEFT JOIN counted USING (account_no) WHERE account_no >= $1 AND account_no < $3
), bad AS (
    SELECT account_no, seq, format('account %s: fee %s of transaction %s of lane %s is number %s on %s and %s of its month',
                                   account_no, fee_no, seq, lane_no, on_day, day, in_month) AS finding
      FROM judged WHERE on_day > fees_per_day OR in_month > fees_per_month
    UNION ALL
    SELECT account_no, 0, format('account %s (%s): it counts %s fees on %s and %s in the month, they say %s on %s and %s',
                                 account_no, account_id, fees_on_day, fee_day, fees_in_month, on_day, day, in_month)
      FROM rows WHERE fee_day IS DISTINCT FROM day OR (fees_on_day, fees_in_month) <> (on_day, in_month)
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no, seq LIMIT 10) AS findings;

-- name: audit_fee_waivers
-- The first that falls due in a calendar year is waived, exactly where its product and the customer's standing say so.
-- Then what the account's row knows of it. $1 account_no: the first; $3: the one after the last
WITH rules AS (
    SELECT product, product_version, first_fee_waived FROM product_version
    UNION ALL
    SELECT product, 1, true FROM (VALUES ('standard'), ('savings')) AS own (product)
), fees AS (
    SELECT f.*, partition, extract(year FROM day)::integer AS year
      FROM overdraft_fee AS f LEFT JOIN lane USING (lane_no)
     WHERE account_no >= $1 AND account_no < $3 AND ($2::bigint, $4::bigint) IS NOT NULL
), judged AS (
    SELECT fees.*, good_standing, first_fee_waived,
           row_number() OVER (PARTITION BY account_no, year ORDER BY charged_at, partition, seq, fee_no) AS number
      FROM fees LEFT JOIN rules USING (product, product_version)
      LEFT JOIN LATERAL (
          SELECT good_standing FROM account_terms AS s LEFT JOIN lane AS own USING (lane_no)
           WHERE s.account_no = fees.account_no AND s.set_at <= fees.charged_at
             AND (s.set_at, own.partition, s.seq) < (fees.charged_at, fees.partition, fees.seq)
           ORDER BY s.set_at DESC, own.partition DESC, s.seq DESC LIMIT 1) AS terms ON true
), last_years AS (
    SELECT DISTINCT ON (account_no) account_no, year FROM fees
     ORDER BY account_no, charged_at DESC, partition DESC, seq DESC, fee_no DESC
), rows AS (
    SELECT account_no, account_id, fee_year, coalesce(year, 0) AS year
      FROM account LEFT JOIN last_years USING (account_no) WHERE account_no >= $1 AND account_no < $3
), bad AS (
    SELECT account_no, seq, format('account %s: fee %s of transaction %s of lane %s is number %s of %s, and was %s',
                                   account_no, fee_no, seq, lane_no, number, year,
                                   CASE amount_minor WHEN 0 THEN 'waived' ELSE 'charged' END) AS finding
      FROM judged WHERE (amount_minor = 0) <> (number = 1 AND good_standing AND first_fee_waived)
    UNION ALL
    SELECT account_no, 0, format('account %s (%s): its last fee fell due in %s, its fees say %s',
                                 account_no, account_id, fee_year, year)
      FROM rows WHERE fee_year <> year
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no, seq LIMIT 10) AS findings;

-- name: audit_fee_refunds
-- Each leg that gave a fee back against the fee. $1 lane, $2 the first seq, $3 the one after the last
WITH judged AS (
    SELECT coalesce(leg.seq, back.seq) AS seq, back.lane_no IS NULL AS nothing_back, leg.lane_no IS NULL AS nothing_moved,
           format('transaction %s of lane %s: side leg %s', coalesce(leg.seq, back.seq), $1,
                  coalesce(leg.leg_no, back.leg_no)) AS named,
           (leg.destination_no, leg.amount_minor) = (fee.account_no, fee.amount_minor)
           AND leg.posted_at = back.refunded_at AND fee.refundable_until >= back.refunded_at
           AND (fee.charged_at, charged.partition, fee.seq) <= (back.refunded_at, own.partition, back.seq) AS fits
      FROM (SELECT * FROM every_side_leg WHERE lane_no = $1 AND seq >= $2 AND seq < $3 AND kind = 3) AS leg
      FULL JOIN (SELECT * FROM fee_refund WHERE lane_no = $1 AND seq >= $2 AND seq < $3) AS back
        ON back.seq = leg.seq AND back.leg_no = leg.leg_no
      LEFT JOIN overdraft_fee AS fee ON fee.lane_no = fee_lane_no AND fee.seq = fee_seq AND fee.fee_no = back.fee_no
      LEFT JOIN lane AS charged ON charged.lane_no = fee.lane_no LEFT JOIN lane AS own ON own.lane_no = back.lane_no
), bad AS (
    SELECT seq, named || ' gives back no fee' AS finding FROM judged WHERE nothing_back
    UNION ALL
    SELECT seq, named || ' should give back a fee, and is not there' FROM judged WHERE nothing_moved
    UNION ALL
    SELECT seq, named || ' gives back what was not charged, or another amount, or too late'
      FROM judged WHERE NOT nothing_back AND NOT nothing_moved AND fits IS NOT TRUE
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;

-- name: audit_fees_back_once
-- Cut by the fee's stamp, so that two refunds of one fee lie in one slice. $1 lane, $2 the first seq, $3 the one after
-- the last
WITH judged AS (
    SELECT fee_seq, fee_no, count(*) AS times FROM fee_refund
     WHERE fee_lane_no = $1 AND fee_seq >= $2 AND fee_seq < $3 GROUP BY fee_seq, fee_no
), bad AS (
    SELECT fee_seq, format('transaction %s of lane %s: its fee %s came back %s times', fee_seq, $1, fee_no, times) AS finding
      FROM judged WHERE times > 1
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY fee_seq LIMIT 10) AS findings;

-- name: audit_fees_remembered
-- A fee that may still come back is not forgotten by the account's row. $1 account_no: the first; $3: the one after the
-- last
WITH judged AS (
    SELECT a.account_no, account_id, grace_until, max(refundable_until) AS last_until
      FROM overdraft_fee AS fee JOIN account AS a USING (account_no)
     WHERE fee.account_no >= $1 AND fee.account_no < $3 AND ($2::bigint, $4::bigint) IS NOT NULL
       AND refundable_until > a.decided_at
       AND NOT EXISTS (SELECT FROM fee_refund AS back
                        WHERE (back.fee_lane_no, back.fee_seq, back.fee_no) = (fee.lane_no, fee.seq, fee.fee_no))
     GROUP BY a.account_no
), bad AS (
    SELECT account_no, format('account %s (%s): a fee comes back until %s, and the account knows of none after %s',
                              account_no, account_id, last_until, coalesce(grace_until::text, 'all time')) AS finding
      FROM judged WHERE last_until > coalesce(grace_until, '-infinity')
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no LIMIT 10) AS findings;
