-- name: interest
-- Behind the locks of their accounts. With each come the products that its missing days may have ended with, to be locked
-- too: bank days begin up to 14 hours before those of UTC, so from a day before the first of them on. $1 bigint[] account_no
SELECT interest.*, CASE WHEN idle THEN '{}' ELSE ARRAY(
           SELECT DISTINCT product FROM account_terms AS terms
            WHERE terms.account_no = interest.account_no AND terms.set_at >= coalesce((
                SELECT set_at FROM account_terms AS earlier
                 WHERE earlier.account_no = interest.account_no AND earlier.set_at < interest.accrued_until
                 ORDER BY set_at DESC LIMIT 1), '-infinity')) END AS products
  FROM interest WHERE account_no = ANY($1::bigint[]);

-- name: products_since
-- The product that an account had before an instant, and those that it was given since, as they were set one after
-- another. $1 bigint[] account_no, $2 timestamptz[] an instant for each
SELECT wanted.account_no, terms.set_at, terms.product
  FROM unnest($1::bigint[], $2::timestamptz[]) AS wanted (account_no, instant)
 CROSS JOIN LATERAL (
    SELECT set_at, lane_no, seq, product FROM account_terms AS own
     WHERE own.account_no = wanted.account_no AND own.set_at >= coalesce((
         SELECT set_at FROM account_terms AS earlier
          WHERE earlier.account_no = wanted.account_no AND earlier.set_at < wanted.instant
          ORDER BY set_at DESC LIMIT 1), '-infinity')
    OFFSET 0) AS terms
 CROSS JOIN LATERAL (SELECT partition FROM lane WHERE lane.lane_no = terms.lane_no LIMIT 1) AS own
 ORDER BY wanted.account_no, terms.set_at, own.partition, terms.seq;

-- name: versions_since
-- The versions of products that counted at an instant, or have since. $1 text[] names, $2 instant
SELECT version.*
  FROM unnest($1::text[]) AS wanted (product)
 CROSS JOIN LATERAL (
    SELECT * FROM product_version AS own
     WHERE own.product = wanted.product AND own.product_version >= coalesce((
         SELECT product_version FROM product_version AS earlier
          WHERE earlier.product = wanted.product AND earlier.defined_at < $2::timestamptz
          ORDER BY product_version DESC LIMIT 1), 0)
    OFFSET 0) AS version
 ORDER BY version.product, version.product_version;

-- name: balances
-- The ledger balances that accounts ended days with, each account its own run of them. $1 bigint[] account_no,
-- $2 bigint[] number of the last entry, $3 bigint[] ledger balance, $4 integer[] first and $5 integer[] last of the run,
-- counted from 1, $6 timestamptz[] the ends of all days
SELECT balances_before(account_no, last_no, ledger_minor, ($6::timestamptz[])[first:last])
  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::integer[])
       WITH ORDINALITY AS wanted (account_no, last_no, ledger_minor, first, last, place)
 ORDER BY place;

-- name: update_interest
-- Only where the row is still as it was read. $1 bigint[] account_no, $2 date[] accrued until, $3 date[] posted until,
-- $4 boolean[] idle, $5 bigint[] carried, $6 text[] unposted, $7 bigint[] version read, $8 instant
UPDATE interest SET accrued_until = u.accrued_until, posted_until = u.posted_until, idle = u.idle, carried = u.carried,
       unposted = u.unposted, version = interest.version + 1, decided_at = $8
  FROM unnest($1::bigint[], $2::date[], $3::date[], $4::boolean[], $5::bigint[], $6::text[], $7::bigint[])
       AS u (account_no, accrued_until, posted_until, idle, carried, unposted, version)
 WHERE interest.account_no = u.account_no AND interest.version = u.version;

-- name: next_earning_slice
-- The account behind so many accruals, or so many accounts that earn. $1 the first account_no, $2 rows
SELECT min(account_no) FROM (
    (SELECT account_no FROM interest_accrual WHERE account_no > $1::bigint ORDER BY account_no, first_day OFFSET $2 LIMIT 1)
    UNION ALL
    (SELECT account_no FROM interest WHERE account_no > $1 ORDER BY account_no OFFSET $2 LIMIT 1)) AS ends;

-- name: next_accrual_slice
-- A row may speak of a month, and a day that is worked out again costs what ten rows do elsewhere: the seq behind a tenth
-- as many days, and behind one seq at least. $1 lane, $2 the first seq, $3 rows
SELECT min(seq) FROM (
    SELECT seq, sum(last_day - first_day + 1) OVER w - (last_day - first_day + 1) AS days_before, min(seq) OVER w AS first_seq
      FROM interest_accrual WHERE lane_no = $1 AND seq >= $2
    WINDOW w AS (ORDER BY seq, last_day) ORDER BY seq, last_day LIMIT $3::integer + 1) AS accruals
 WHERE days_before >= greatest($3 / 10, 1) AND seq > first_seq;

-- name: audit_accruals
-- Each day's interest again: from the entries before the day's end, the product that the account had then, in its version
-- of then, and what had accumulated by the row itself. entry_before only proposes an entry, which the entries on both
-- sides have to confirm. savings is in no table; its tiers are whole units, and the answer to the opening knows how many
-- decimals those have. Of a midnight that comes twice the first counts. $1 lane, $2 the first seq, $3 the one after the last
WITH RECURSIVE runs AS (
    SELECT a.seq, a.account_no, a.accrued_at, first_day, last_day, zone, accrued::numeric, accumulated::numeric, account_id,
           last_entry_no, (e.kind = 1 AND e.aggregateid = account_id AND e.occurred_at = a.accrued_at
                           AND e.type IN ('interest.accrued', 'interest.posted', 'account.closed')) IS TRUE AS is_told
      FROM interest_accrual AS a LEFT JOIN account USING (account_no)
      LEFT JOIN every_event AS e ON e.lane_no = a.lane_no AND e.seq = a.seq
     WHERE a.lane_no = $1 AND a.seq >= $2 AND a.seq < $3
), days AS (
    SELECT runs.*, day::date, CASE WHEN (midnight - '1 h'::interval) AT TIME ZONE zone = day + '1 day'::interval
                                   THEN midnight - '1 h'::interval ELSE midnight END AS ended_at
      FROM runs, generate_series(first_day::timestamp, last_day, '1 day') AS day,
           LATERAL (SELECT (day + '1 day'::interval) AT TIME ZONE zone AS midnight) AS next
), ended AS (
    SELECT days.seq, last_day, day, accrued_at, ended_at, rules.interest, rules.tier_mode, rules.day_count, rules.tiers, scale,
           CASE WHEN found.entry_no = 0 THEN 0 ELSE last.balance_after_minor END AS ledger_minor,
           (found.entry_no = 0 OR last.posted_at < ended_at)
           AND (found.entry_no = last_entry_no OR next.posted_at >= ended_at) AS is_last
      FROM days
      LEFT JOIN LATERAL (
          SELECT product FROM account_terms AS s LEFT JOIN lane AS own USING (lane_no)
           WHERE s.account_no = days.account_no AND set_at < ended_at
           ORDER BY set_at DESC, own.partition DESC, s.seq DESC LIMIT 1) AS terms ON true
      LEFT JOIN LATERAL (
          SELECT length(split_part(substring(encode(payload, 'escape') FROM '"overdraft_limit":"([0-9.]+)"'), '.', 2)) AS decimals
            FROM account_terms AS s JOIN every_event USING (lane_no, seq)
           WHERE s.account_no = days.account_no AND terms.product = 'savings' ORDER BY set_at, seq LIMIT 1) AS opening ON true
      LEFT JOIN LATERAL (
          SELECT interest, tier_mode, day_count, tiers, 1::numeric AS scale, product_version FROM product_version AS v
           WHERE v.product = terms.product AND defined_at < ended_at
          UNION ALL
          SELECT 'simple', 'whole', 365, '0:0.01;1000:0.02;10000:0.025', 10 ^ opening.decimals::numeric, 1
           WHERE terms.product = 'savings'
           ORDER BY product_version DESC LIMIT 1) AS rules ON true
     CROSS JOIN LATERAL (SELECT entry_before(days.account_no, last_entry_no, ended_at) AS entry_no OFFSET 0) AS found
      LEFT JOIN every_entry AS last ON last.account_no = days.account_no AND last.entry_no = found.entry_no
      LEFT JOIN every_entry AS next ON next.account_no = days.account_no AND next.entry_no = found.entry_no + 1
), yearly AS (
    SELECT seq, last_day, day, day_count, CASE WHEN interest = 'none' OR ledger_minor <= 0 THEN 0
                                               WHEN tier_mode = 'whole' THEN ledger_minor * top_rate ELSE slices END AS earned,
           CASE WHEN interest = 'compound' AND ledger_minor > 0 THEN top_rate ELSE 0 END AS compound_rate
      FROM ended LEFT JOIN LATERAL (
               SELECT max(rate) FILTER (WHERE until_minor IS NULL OR until_minor > ledger_minor) AS top_rate,
                      sum((least(until_minor, ledger_minor) - from_minor) * rate) AS slices
                 FROM (SELECT from_minor, rate, lead(from_minor) OVER (ORDER BY from_minor) AS until_minor
                         FROM unnest(string_to_array(tiers, ';')) AS tier,
                              LATERAL (SELECT split_part(tier, ':', 1)::numeric * scale AS from_minor,
                                              split_part(tier, ':', 2)::numeric AS rate) AS parts) AS all_tiers
                WHERE from_minor <= ledger_minor) AS reached ON true
), steps AS (
    SELECT seq, last_day, first_day AS day, accumulated - accrued AS before, 0::numeric AS total FROM runs
    UNION ALL
    SELECT steps.seq, steps.last_day, steps.day + 1, before + units, total + units
      FROM steps JOIN yearly USING (seq, last_day, day),
           LATERAL (SELECT div(2 * (earned * 1e12 + before * compound_rate) * 1e10 + day_count * 1e10,
                               2 * day_count * 1e10) AS units) AS own
), judged AS (
    SELECT runs.*, total FROM runs LEFT JOIN steps ON steps.seq = runs.seq AND steps.last_day = runs.last_day
                                                  AND steps.day = runs.last_day + 1
), bad AS (
    SELECT seq, format('accrual %s of lane %s: no answer of account %s tells of it', seq, $1, account_no) AS finding
      FROM judged WHERE NOT is_told
    UNION ALL
    SELECT seq, format('accrual %s of lane %s: account %s (%s) accrued %s from %s to %s, its days say %s', seq, $1, account_no,
                       account_id, accrued, first_day, last_day, coalesce(total::text, 'nothing'))
      FROM judged WHERE accrued IS DISTINCT FROM total
    UNION ALL
    SELECT DISTINCT seq, format('accrual %s of lane %s: %s had not ended at %s', seq, $1, day, accrued_at)
      FROM ended WHERE ended_at > accrued_at
    UNION ALL
    SELECT DISTINCT seq, format('accrual %s of lane %s: which entry was the last of %s cannot be told', seq, $1, day)
      FROM ended WHERE is_last IS NOT TRUE
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;

-- name: audit_accruals_told
-- What answers said of accruals is what the rows say, rounded half up to 6 decimals of the currency's unit; an answer with
-- interest in it has rows. $1 lane, $2 the first seq, $3 the one after the last
WITH told AS (
    SELECT seq, aggregateid, substring(said FROM '"accrued":"([0-9.]+)"')::numeric AS accrued
      FROM every_event, LATERAL (SELECT encode(payload, 'escape') AS said) AS text
     WHERE lane_no = $1 AND seq >= $2 AND seq < $3 AND kind = 1 AND type = 'interest.accrued'
), judged AS (
    SELECT told.seq, aggregateid, told.accrued, coalesce(units, 0) AS units, decimals
      FROM told
      LEFT JOIN LATERAL (SELECT sum(accrued::numeric) AS units FROM interest_accrual AS a
                          WHERE a.lane_no = $1 AND a.seq = told.seq) AS kept ON true
      LEFT JOIN account AS a ON a.account_id = aggregateid AND a.lane_no = 0
      LEFT JOIN LATERAL (
          SELECT length(split_part(substring(encode(payload, 'escape') FROM '"overdraft_limit":"([0-9.]+)"'), '.', 2)) AS decimals
            FROM account_terms AS s JOIN every_event USING (lane_no, seq)
           WHERE s.account_no = a.account_no ORDER BY set_at, seq LIMIT 1) AS opening ON true
), bad AS (
    SELECT seq, format('event %s of lane %s: it says that account %s earned %s, the rows say %s units',
                       seq, $1, aggregateid, accrued, units) AS finding
      FROM judged WHERE accrued IS DISTINCT FROM round(units / 10 ^ (12 + decimals)::numeric, 6)
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;

-- name: audit_accrued_days
-- No day accrues twice, and none that is passed over ended with a product that may bear interest: of each such product,
-- from when it was set until the next, no day's end lies in a gap. A day's end lies there where the local date of the one
-- is not that of the other. $1 account_no: the first; $2: the one after the last, null for no end
WITH earning AS (
    SELECT i.*, status, coalesce((SELECT zone FROM interest_accrual AS a WHERE a.account_no = i.account_no
                                   ORDER BY first_day DESC LIMIT 1), (SELECT zone FROM interest_accrual LIMIT 1), 'UTC') AS zone
      FROM interest AS i LEFT JOIN account USING (account_no)
     WHERE account_no >= $1::bigint AND ($2::bigint IS NULL OR account_no < $2)
), runs AS (
    SELECT a.account_no, first_day, last_day, accrued_at, partition, seq, lag(last_day) OVER w AS day_before,
           lag((accrued_at, partition, seq)) OVER w > (accrued_at, partition, seq) AS is_early
      FROM interest_accrual AS a LEFT JOIN lane USING (lane_no)
     WHERE account_no >= $1 AND ($2 IS NULL OR account_no < $2)
    WINDOW w AS (PARTITION BY account_no ORDER BY first_day, last_day)
), gaps AS (
    SELECT account_no, coalesce(day_before + 1, since) AS first_day, runs.first_day - 1 AS last_day
      FROM runs JOIN earning USING (account_no)
    UNION ALL
    SELECT account_no, coalesce((SELECT max(last_day) FROM runs WHERE runs.account_no = earning.account_no) + 1, since), accrued_until
      FROM earning
), terms AS (
    SELECT account_no, product, (set_at AT TIME ZONE zone)::date AS first_day,
           (lead(set_at) OVER (PARTITION BY account_no ORDER BY set_at, partition, seq) AT TIME ZONE zone)::date - 1 AS last_day
      FROM account_terms JOIN earning USING (account_no) LEFT JOIN lane USING (lane_no)
), bad AS (
    SELECT account_no, format('account %s: days from %s on accrued after %s, or a second time', account_no, first_day, day_before)
               AS finding
      FROM runs WHERE first_day <= day_before OR is_early
    UNION ALL
    SELECT account_no, format('account %s: days from %s to %s were passed over, though it had %s', account_no,
                              greatest(gaps.first_day, terms.first_day), least(gaps.last_day, terms.last_day), product)
      FROM gaps JOIN terms USING (account_no)
     WHERE product NOT IN ('plain', 'standard')
       AND greatest(gaps.first_day, terms.first_day) <= least(gaps.last_day, terms.last_day)
    UNION ALL
    SELECT account_no, format('account %s: it has accrued until %s, its days until %s', account_no, accrued_until, last_day)
      FROM runs LEFT JOIN earning USING (account_no) WHERE last_day > coalesce(accrued_until, '-infinity')
)
SELECT (SELECT count(*) FROM earning) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no LIMIT 10) AS findings;

-- name: audit_accumulated
-- What accrued and was posted of an account, told again one after another; then what its row says of it. A posting pays
-- the whole minor units of what had accrued up to its day; one that a closing made is valued a day later, and drops the rest.
-- $1 account_no: the first; $2: the one after the last, null for no end
WITH moves AS (
    SELECT account_no, accrued_at AS at, partition, seq, first_day AS day, accumulated::numeric, accrued::numeric AS change,
           false AS is_closing
      FROM interest_accrual LEFT JOIN lane USING (lane_no)
     WHERE account_no >= $1::bigint AND ($2::bigint IS NULL OR account_no < $2)
    UNION ALL
    SELECT account_no, posted_at, partition, seq, 'infinity', accumulated::numeric, -amount_minor * 1e12, value_date <> posted_until
      FROM interest_posting LEFT JOIN lane USING (lane_no)
     WHERE account_no >= $1 AND ($2 IS NULL OR account_no < $2)
), steps AS (
    SELECT *, lag(accumulated, 1, 0) OVER w + change AS true_units, lead(at) OVER w IS NULL AS is_last
      FROM moves WINDOW w AS (PARTITION BY account_no ORDER BY at, partition, seq, day)
), postings AS (
    SELECT account_no, posted_until, value_date, amount_minor,
           coalesce((SELECT sum(accrued::numeric) FROM interest_accrual AS a
                      WHERE a.account_no = p.account_no AND a.last_day <= p.posted_until), 0)
           - coalesce(1e12 * (SELECT sum(amount_minor) FROM interest_posting AS earlier
                               WHERE earlier.account_no = p.account_no AND earlier.value_date < p.value_date), 0) AS due
      FROM interest_posting AS p WHERE account_no >= $1 AND ($2 IS NULL OR account_no < $2)
), rows AS (
    SELECT i.*, status, product, coalesce(last.accumulated, 0) AS accumulated, months.units, months.named,
           coalesce((SELECT max(posted_until) FROM postings AS p WHERE p.account_no = i.account_no),
                    date_trunc('month', since)::date - 1) AS true_until
      FROM interest AS i LEFT JOIN account USING (account_no)
      LEFT JOIN (SELECT account_no, accumulated FROM steps WHERE is_last) AS last USING (account_no)
      LEFT JOIN LATERAL (
          SELECT coalesce(sum(units), 0) AS units, coalesce(string_agg(month || ':' || units, ';' ORDER BY month), '') AS named
            FROM (SELECT to_char(first_day, 'YYYY-MM') AS month, sum(accrued::numeric) AS units FROM interest_accrual AS a
                   WHERE a.account_no = i.account_no AND a.last_day > i.posted_until
                   GROUP BY month HAVING sum(accrued::numeric) > 0) AS each) AS months ON true
     WHERE account_no >= $1 AND ($2 IS NULL OR account_no < $2)
), bad AS (
    SELECT account_no, format('account %s: %s units accumulated with number %s at %s, those before say %s',
                              account_no, accumulated, seq, at, true_units) AS finding
      FROM steps WHERE CASE WHEN is_closing THEN accumulated <> 0 OR true_units NOT BETWEEN 0 AND 999999999999
                            ELSE accumulated <> true_units END
    UNION ALL
    SELECT account_no, format('account %s: %s was posted for %s, of %s units', account_no, amount_minor, value_date, due)
      FROM postings WHERE amount_minor <> div(due, 1e12)
    UNION ALL
    SELECT account_no, format('account %s: its row holds %s units and %s, what accrued is %s units and %s', account_no, carried,
                              coalesce(nullif(unposted, ''), 'none'), accumulated, coalesce(nullif(named, ''), 'none'))
      FROM rows WHERE carried + units <> accumulated OR unposted <> named
    UNION ALL
    SELECT account_no, format('account %s: it is posted until %s, its postings say %s', account_no, posted_until, true_until)
      FROM rows WHERE posted_until <> true_until
    UNION ALL
    SELECT account_no, format('account %s: it rests, and has %s units or the product %s', account_no, accumulated, product)
      FROM rows WHERE idle AND (accumulated > 0 OR status <> 3 AND product NOT IN ('plain', 'standard'))
    UNION ALL
    SELECT account_no, format('account %s: something accrued or was posted, and it has no row', account_no)
      FROM moves LEFT JOIN interest USING (account_no) WHERE interest.account_no IS NULL
)
SELECT (SELECT count(*) FROM moves) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no LIMIT 10) AS findings;

-- name: audit_earning_accounts
-- Whoever has a product that may bear interest is there to accrue. $1 account_no: the first; $3: the one after the last
WITH judged AS (
    SELECT account_no, account_id, product, i.account_no IS NULL AS is_forgotten
      FROM account LEFT JOIN interest AS i USING (account_no)
     WHERE account_no >= $1 AND account_no < $3 AND ($2::bigint, $4::bigint) IS NOT NULL
       AND account_type > 0 AND status <> 3 AND product NOT IN ('plain', 'standard')
), bad AS (
    SELECT account_no, format('account %s (%s): it has %s, and nothing is known of its interest', account_no, account_id, product)
               AS finding
      FROM judged WHERE is_forgotten
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no LIMIT 10) AS findings;

-- name: audit_postings
-- Each posting against what moved and what was told, and the other way round. A month is valued on its last day; what a
-- closing pays, for the days up to the one before, on the day of the closing, which may be one off from UTC's. An amount
-- has all decimals of its currency: without the point it is minor units. $1 lane, $2 the first seq, $3 the one after the last
WITH moved AS (
    SELECT seq, false AS is_closing, source_no, destination_no, amount_minor, posted_at FROM every_transaction
     WHERE lane_no = $1 AND seq >= $2 AND seq < $3 AND kind = 10 AND refusal IS NULL
    UNION ALL
    SELECT seq, true, source_no, destination_no, amount_minor, posted_at FROM every_side_leg
     WHERE lane_no = $1 AND seq >= $2 AND seq < $3 AND kind = 4
), told AS (
    SELECT seq, type, aggregateid, occurred_at, encode(payload, 'escape') AS said FROM every_event
     WHERE lane_no = $1 AND seq >= $2 AND seq < $3 AND kind = 1 AND type IN ('interest.posted', 'account.closed')
), judged AS (
    SELECT seq, p.seq IS NULL AS is_unknown, p.value_date, p.amount_minor, told.type, format('posting %s of lane %s', seq, $1) AS named,
           coalesce(moved.amount_minor, 0) = p.amount_minor
           AND (moved.seq IS NULL OR (moved.destination_no, moved.posted_at, moved.is_closing, house.account_id)
                                   = (p.account_no, p.posted_at, told.type = 'account.closed', 'house:interest:' || a.currency))
               AS is_moved,
           (a.account_id, p.posted_at) = (told.aggregateid, told.occurred_at)
           AND (told.type = 'account.closed'
                OR substring(said FROM '"value_date":"([0-9-]+)"') = p.value_date::text
                   AND replace(substring(said FROM '"amount":"([0-9.]+)"'), '.', '')::numeric = p.amount_minor) AS is_told,
           CASE told.type
               WHEN 'interest.posted' THEN p.value_date = p.posted_until
                    AND p.value_date = (date_trunc('month', p.value_date) + '1 month'::interval)::date - 1
                    AND p.value_date <= (p.posted_at AT TIME ZONE 'UTC')::date
               ELSE p.value_date = p.posted_until + 1
                    AND abs(p.value_date - (p.posted_at AT TIME ZONE 'UTC')::date) <= 1 END AS is_valued
      FROM (SELECT * FROM interest_posting WHERE lane_no = $1 AND seq >= $2 AND seq < $3) AS p
      FULL JOIN moved USING (seq) FULL JOIN told USING (seq) LEFT JOIN account AS a USING (account_no)
      LEFT JOIN account AS house ON house.account_no = moved.source_no
     WHERE p.seq IS NOT NULL OR moved.seq IS NOT NULL OR told.type = 'interest.posted'
), bad AS (
    SELECT seq, format('transaction or event %s of lane %s: it posts interest of which nothing else is known', seq, $1) AS finding
      FROM judged WHERE is_unknown
    UNION ALL
    SELECT seq, format('%s: it is one of %s, and that did not move from the house''s interest', named, amount_minor)
      FROM judged WHERE NOT is_moved
    UNION ALL
    SELECT seq, named || ': no answer tells of it, or of another amount or day' FROM judged WHERE NOT is_unknown AND is_told IS NOT TRUE
    UNION ALL
    SELECT seq, format('%s: it is valued on %s', named, value_date) FROM judged WHERE NOT is_unknown AND is_valued IS NOT TRUE
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;
