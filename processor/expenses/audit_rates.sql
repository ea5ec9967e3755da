-- Rates, and what was converted at them. Slices of users and of answers are those of audit.sql. A slice of rates is a run
-- of pairs and days: $1 quote, $2 base, $3 day: the first; $4, $5, $6: the one after the last, null for no end.

-- name: next_rate_slice
-- $1 quote, $2 base, $3 day: the slice's first; $4 rows
SELECT quote, base, date FROM rate_version WHERE (quote, base, date) > ($1::text, $2::text, $3::date)
 ORDER BY quote, base, date, rate_no OFFSET $4::bigint - 1 LIMIT 1;

-- name: rates
-- Each rate that was set against the one it took the place of and the answer that bears its stamp; what holds, against
-- the last.
WITH versions AS (
    SELECT v.*, lag(rate_no, 1, 0) OVER w AS before, lead(rate_no) OVER w IS NULL AS is_last,
           ROW(set_at, partition, v.seq) < ROW(lag(set_at) OVER w, lag(partition) OVER w, lag(v.seq) OVER w) AS is_early,
           base <> quote AND rate ~ '^(0|[1-9][0-9]{0,11})(\.[0-9]{0,11}[1-9])?$' AND rate <> '0' AS is_valid,
           (e.kind, e.type, e.aggregatetype, e.aggregateid, e.occurred_at)
               = (1, 'rate.defined', 'expenses', v.base, v.set_at) AS is_told,
           said_in(e.payload) AS said
      FROM rate_version AS v LEFT JOIN lane USING (lane_no) LEFT JOIN every_event AS e ON e.lane_no = v.lane_no AND e.seq = v.seq
     WHERE (quote, base, date) >= ($1::text, $2::text, $3::date)
       AND ($4::text IS NULL OR (quote, base, date) < ($4, $5::text, $6::date))
    WINDOW w AS (PARTITION BY quote, base, date ORDER BY rate_no)
), holding AS (
    SELECT * FROM rate WHERE (quote, base, date) >= ($1, $2, $3) AND ($4 IS NULL OR (quote, base, date) < ($4, $5, $6))
), judged AS (
    SELECT quote, base, date, v.rate_no, format('rate %s/%s of %s', base, quote, date) AS named, v.before, v.is_last, v.is_early,
           v.is_valid, r.quote IS NULL AS lost, v.quote IS NULL AS unfounded,
           (r.rate, r.rate_no, r.decided_at) = (v.rate, v.rate_no, v.set_at) AS same,
           v.is_told AND (said ->> 'base', said ->> 'quote', said ->> 'date', said ->> 'rate', said ->> 'version')
               = (base, quote, to_char(date, 'YYYY-MM-DD'), v.rate, v.rate_no::text) AS is_told
      FROM holding AS r FULL JOIN versions AS v USING (quote, base, date)
), bad AS (
    SELECT quote, base, date, rate_no, named || ': it was set and has no row' AS finding FROM judged WHERE lost AND is_last
    UNION ALL
    SELECT quote, base, date, 0, named || ': it has a row and was never set' FROM judged WHERE unfounded
    UNION ALL
    SELECT quote, base, date, rate_no, named || ': it is not as it was set last'
      FROM judged WHERE is_last AND NOT lost AND NOT same
    UNION ALL
    SELECT quote, base, date, rate_no, format('%s: number %s follows number %s', named, rate_no, before)
      FROM judged WHERE rate_no <> before + 1 OR is_early
    UNION ALL
    SELECT quote, base, date, rate_no, format('%s: number %s is no rate', named, rate_no) FROM judged WHERE NOT is_valid
    UNION ALL
    SELECT quote, base, date, rate_no, format('%s: no answer tells of number %s', named, rate_no)
      FROM judged WHERE NOT unfounded AND is_told IS NOT TRUE
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY quote, base, date, rate_no LIMIT 10) AS findings;

-- name: rate_answers
-- The other way round: each answer that sets a rate has set it.
WITH told AS MATERIALIZED (
    SELECT seq, said_in(payload) AS said
      FROM every_event WHERE lane_no = $1 AND seq >= $2 AND seq < $3 AND kind = 1 AND type = 'rate.defined'
), judged AS (
    SELECT told.seq, v.seq IS NOT DISTINCT FROM told.seq AS is_so
      FROM told LEFT JOIN LATERAL (
          SELECT seq FROM rate_version AS v
           WHERE (quote, base, v.lane_no) = (said ->> 'quote', said ->> 'base', $1)
             AND date = CASE WHEN pg_input_is_valid(said ->> 'date', 'date') THEN (said ->> 'date')::date END
             AND rate_no::text = said ->> 'version' LIMIT 1) AS v ON true
), bad AS (
    SELECT seq, format('event %s of lane %s: it sets a rate, and no rate was set', seq, $1) AS finding FROM judged WHERE NOT is_so
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;

-- name: rate_book
-- The lock of all rates says when one was set last: whoever converts decides behind that.
WITH stands AS (
    SELECT decided_at, (SELECT max(set_at) FROM rate_version) AS true_at FROM rate_book
), bad AS (
    SELECT format('the book of rates: the last was set at %s, and it says %s', true_at, decided_at) AS finding
      FROM stands WHERE decided_at IS DISTINCT FROM true_at
    UNION ALL
    SELECT 'the book of rates: it has no row' WHERE NOT EXISTS (SELECT FROM stands)
)
SELECT (SELECT count(*) FROM stands) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad LIMIT 10) AS findings;

-- name: expense_conversions
-- An expense is converted when it is made, and when its amount, currency or day changes; otherwise it keeps what it has.
-- The ratio is found again by the rates that were known then, those of each pair on the latest day: given, turned round,
-- or crossed through a currency that both are priced in, that whose older day is the youngest. $3 text[] currencies,
-- $4 integer[] decimals
WITH RECURSIVE pairs AS (
    (SELECT quote, base FROM rate_version ORDER BY quote, base LIMIT 1)
    UNION ALL
    SELECT following.* FROM pairs CROSS JOIN LATERAL (
        SELECT quote, base FROM rate_version AS r WHERE (r.quote, r.base) > (pairs.quote, pairs.base)
         ORDER BY quote, base LIMIT 1) AS following
), currencies AS (
    SELECT * FROM unnest($3::text[], $4::integer[]) AS known (currency, decimals)
), converted AS MATERIALIZED (
    SELECT v.*, u.base_currency, partition, own.decimals, base.decimals AS base_decimals, lag(v) OVER w AS prior,
           CASE WHEN rate_over ~ '^[0-9]{1,12}(\.[0-9]{1,12})?$' THEN rate_over::numeric END AS over,
           CASE WHEN rate_under ~ '^[0-9]{1,12}(\.[0-9]{1,12})?$' THEN nullif(rate_under::numeric, 0) END AS under
      FROM expense_version AS v LEFT JOIN expense_user AS u USING (user_no) LEFT JOIN lane ON lane.lane_no = v.lane_no
      LEFT JOIN currencies AS own USING (currency) LEFT JOIN currencies AS base ON base.currency = u.base_currency
     WHERE user_no >= $1 AND user_no < $2
    WINDOW w AS (PARTITION BY user_no, expense_id ORDER BY change_no)
), anew AS MATERIALIZED (
    SELECT *, prior IS NULL OR (amount_minor, currency, date) <> ((prior).amount_minor, (prior).currency, (prior).date) AS is_anew
      FROM converted
), legs AS (
    SELECT user_no, change_no, anew.currency, anew.base_currency, pairs.base, pairs.quote, known.date, known.rate
      FROM anew JOIN pairs ON pairs.quote IN (anew.currency, anew.base_currency)
     CROSS JOIN LATERAL (
         SELECT r.date, r.rate FROM rate_version AS r JOIN lane USING (lane_no)
          WHERE r.quote = pairs.quote AND r.base = pairs.base AND r.date BETWEEN anew.date - 31 AND anew.date
            AND (r.set_at, lane.partition, r.seq) < (anew.changed_at, anew.partition, anew.seq)
          ORDER BY r.date DESC, r.rate_no DESC LIMIT 1) AS known
     WHERE is_anew AND anew.currency <> anew.base_currency
), through AS (
    SELECT user_no, change_no, currency, base_currency, base, min(date) AS oldest,
           min(rate) FILTER (WHERE quote = currency) AS priced, min(rate) FILTER (WHERE quote = base_currency) AS base_priced
      FROM legs GROUP BY user_no, change_no, currency, base_currency, base
), found AS (
    SELECT DISTINCT ON (user_no, change_no) user_no, change_no,
           CASE WHEN base = base_currency THEN '1' ELSE base_priced END AS over,
           CASE WHEN base = currency THEN '1' ELSE priced END AS under
      FROM through
     WHERE base = currency OR base = base_currency AND priced IS NOT NULL OR priced IS NOT NULL AND base_priced IS NOT NULL
     ORDER BY user_no, change_no, base <> currency, base <> base_currency, oldest DESC, base COLLATE "C"
), judged AS (
    SELECT user_no, change_no,
           format('change %s of user %s, version %s of expense %s', change_no, user_no, version_no, expense_id) AS named, is_anew,
           CASE WHEN NOT is_anew THEN (rate_over, rate_under, base_minor)
                                    = ((prior).rate_over, (prior).rate_under, (prior).base_minor)
                WHEN currency = base_currency THEN (rate_over, rate_under) = ('1', '1')
                ELSE (rate_over, rate_under) = (found.over, found.under) END AS is_rated,
           base_minor = div(2 * anew.over * amount_minor * 10::numeric ^ base_decimals + anew.under * 10::numeric ^ decimals,
                              2 * anew.under * 10::numeric ^ decimals)
               AND greatest(amount_minor, base_minor) < 1000000000000000 AS is_rounded
      FROM anew LEFT JOIN found USING (user_no, change_no)
), bad AS (
    SELECT user_no, change_no, named || ': it is at no rate that was known' AS finding
      FROM judged WHERE is_anew AND is_rated IS NOT TRUE
    UNION ALL
    SELECT user_no, change_no, named || ': it does not keep its rate' FROM judged WHERE NOT is_anew AND is_rated IS NOT TRUE
    UNION ALL
    SELECT user_no, change_no, named || ': it is not its amount at its rate' FROM judged WHERE is_rounded IS NOT TRUE
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY user_no, change_no LIMIT 10) AS findings;
