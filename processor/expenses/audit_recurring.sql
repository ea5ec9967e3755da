-- What recurs: what was agreed, what was made of it, and what is due next. Slices of users are those of audit.sql.

-- name: recurring_rules
-- Each rule against the one before it and the answer that bears its stamp. Who stops changes nothing else. $3 text[]
-- currencies, $4 integer[] decimals
WITH currencies AS (
    SELECT * FROM unnest($3::text[], $4::integer[]) AS known (currency, decimals)
), rules AS MATERIALIZED (
    SELECT r.*, u.user_id, decimals, lag(rule_no, 1, 0) OVER w AS before, lag(r) OVER w AS prior,
           lead(rule_no) OVER w IS NULL AS is_last,
           (e.kind, e.type, e.aggregatetype, e.aggregateid, e.occurred_at)
               = (1, CASE WHEN stopped THEN 'recurring.stopped' ELSE 'recurring.defined' END, 'expenses', u.user_id, r.changed_at)
               AS is_told,
           said_in(e.payload) AS said
      FROM recurring_rule AS r LEFT JOIN expense_user AS u USING (user_no) LEFT JOIN currencies USING (currency)
      LEFT JOIN every_event AS e ON e.lane_no = r.lane_no AND e.seq = r.seq
     WHERE user_no >= $1 AND user_no < $2
    WINDOW w AS (PARTITION BY user_no, recurring_id ORDER BY change_no)
), judged AS (
    SELECT user_no, recurring_id, format('recurring entry %s of user %s', recurring_id, user_no) AS named, r.rule_no, r.before,
           r.is_last, x.user_no IS NULL AS lost, r.user_no IS NULL AS unfounded, x.rules,
           (ends_on >= starts_on) IS NOT FALSE
           AND CASE WHEN stopped THEN (starts_on, frequency, amount_minor, currency, category, notes)
                        = ((prior).starts_on, (prior).frequency, (prior).amount_minor, (prior).currency, (prior).category,
                           (prior).notes)
                        AND ends_on IS NOT DISTINCT FROM (prior).ends_on
                    ELSE before > 0 OR effective_from = starts_on END AS is_sound,
           r.is_told
           AND (said ->> 'recurring_id', said ->> 'user_id', said ->> 'amount', said ->> 'currency', said ->> 'category',
                said ->> 'frequency', said ->> 'starts_on', coalesce(said ->> 'notes', ''), said ->> 'effective_from',
                said ->> 'change_no')
               = (recurring_id, user_id, round(amount_minor / 10::numeric ^ decimals, decimals)::text, currency, category,
                  (ARRAY['daily', 'weekly', 'monthly'])[frequency], to_char(starts_on, 'YYYY-MM-DD'), notes,
                  to_char(effective_from, 'YYYY-MM-DD'), change_no::text)
           AND said ->> 'ends_on' IS NOT DISTINCT FROM to_char(ends_on, 'YYYY-MM-DD') AS is_told
      FROM (SELECT * FROM recurring WHERE user_no >= $1 AND user_no < $2) AS x FULL JOIN rules AS r USING (user_no, recurring_id)
), bad AS (
    SELECT user_no, recurring_id, rule_no, named || ': it has rules and no row' AS finding FROM judged WHERE lost AND is_last
    UNION ALL
    SELECT user_no, recurring_id, 0, named || ': it has a row and no rule' FROM judged WHERE unfounded
    UNION ALL
    SELECT user_no, recurring_id, rule_no, format('%s: it is said to have %s rules, and has %s', named, rules, rule_no)
      FROM judged WHERE is_last AND NOT lost AND rules <> rule_no
    UNION ALL
    SELECT user_no, recurring_id, rule_no, format('%s: rule %s follows rule %s', named, rule_no, before)
      FROM judged WHERE rule_no <> before + 1
    UNION ALL
    SELECT user_no, recurring_id, rule_no, format('%s: rule %s cannot be agreed on', named, rule_no)
      FROM judged WHERE NOT unfounded AND is_sound IS NOT TRUE
    UNION ALL
    SELECT user_no, recurring_id, rule_no, format('%s: no answer tells of rule %s', named, rule_no)
      FROM judged WHERE NOT unfounded AND is_told IS NOT TRUE
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY user_no, recurring_id, rule_no LIMIT 10) AS findings;

-- name: recurring_entries
-- A day belongs to the last rule that is effective by then, so a rule ends where any later one begins. What was made on a
-- day is the expense of that name, by its first version as the rule says.
WITH rules AS MATERIALIZED (
    SELECT *, min(effective_from) OVER (PARTITION BY user_no, recurring_id ORDER BY rule_no
                                        ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS until
      FROM recurring_rule WHERE user_no >= $1 AND user_no < $2
), first_versions AS (
    SELECT * FROM expense_version WHERE user_no >= $1 AND user_no < $2 AND version_no = 1 AND recurring_id IS NOT NULL
), entries AS (
    SELECT *, format('%s:%s', recurring_id, to_char(date, 'YYYY-MM-DD')) AS name
      FROM recurring_entry WHERE user_no >= $1 AND user_no < $2
), judged AS (
    SELECT coalesce(m.user_no, v.user_no) AS user_no, coalesce(m.recurring_id, v.recurring_id) AS recurring_id,
           coalesce(m.date, v.date) AS date,
           format('recurring entry %s of user %s', coalesce(m.recurring_id, v.recurring_id),
                  coalesce(m.user_no, v.user_no)) AS named,
           m.user_no IS NULL AS unnoted,
           (v.lane_no, v.seq, v.changed_at, v.date, v.recurring_id) = (m.lane_no, m.seq, m.made_at, m.date, m.recurring_id)
               AND m.expense_id = 'recurring:' || CASE WHEN length(name) <= 54 THEN name
                                                       ELSE left(encode(sha256(convert_to(name, 'UTF8')), 'hex'), 32) END AS is_made,
           m.date >= greatest(r.starts_on, r.effective_from) AND (m.date <= r.ends_on) IS NOT FALSE AND NOT r.stopped
               AND m.date = CASE r.frequency
                   WHEN 1 THEN m.date
                   WHEN 2 THEN r.starts_on + (m.date - r.starts_on) / 7 * 7
                   ELSE (r.starts_on + make_interval(months => (
                       12 * (extract(year FROM m.date) - extract(year FROM r.starts_on))
                       + extract(month FROM m.date) - extract(month FROM r.starts_on))::integer))::date END AS recurs,
           (v.amount_minor, v.currency, v.category, v.notes) = (r.amount_minor, r.currency, r.category, r.notes)
               AND v.device_id IS NULL AS as_agreed,
           m.made_at < r.changed_at AS is_early
      FROM entries AS m FULL JOIN first_versions AS v ON v.user_no = m.user_no AND v.expense_id = m.expense_id
      LEFT JOIN rules AS r ON r.user_no = m.user_no AND r.recurring_id = m.recurring_id
                          AND m.date >= r.effective_from AND (m.date < r.until) IS NOT FALSE
), bad AS (
    SELECT user_no, recurring_id, date, format('%s: what was made for %s is not noted', named, date) AS finding
      FROM judged WHERE unnoted
    UNION ALL
    SELECT user_no, recurring_id, date, format('%s: nothing was made for %s', named, date)
      FROM judged WHERE NOT unnoted AND is_made IS NOT TRUE
    UNION ALL
    SELECT user_no, recurring_id, date, format('%s: it does not recur on %s', named, date)
      FROM judged WHERE NOT unnoted AND (recurs IS NOT TRUE OR is_early)
    UNION ALL
    SELECT user_no, recurring_id, date, format('%s: what was made for %s is not what was agreed on', named, date)
      FROM judged WHERE is_made AND recurs AND as_agreed IS NOT TRUE
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY user_no, recurring_id, date LIMIT 10) AS findings;

-- name: recurring_due
-- The first day without an expense is looked for in each rule's days: up to the last that has one and a period on, which
-- has one of the rule's days if there is any. A day begins where the zone's calendar changes to it, whatever its clocks
-- do. Where PostgreSQL does not know a zone as we do, the instant is believed within the width of the earth.
-- $3 text[] time zones
WITH made AS MATERIALIZED (
    SELECT user_no, recurring_id, date FROM recurring_entry WHERE user_no >= $1 AND user_no < $2
), rules AS (
    SELECT *, min(effective_from) OVER (PARTITION BY user_no, recurring_id ORDER BY rule_no
                                        ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS until
      FROM recurring_rule WHERE user_no >= $1 AND user_no < $2
), spans AS (
    SELECT rules.*, greatest(effective_from, starts_on) AS first,
           least(until - 1, ends_on, '9998-12-31', greatest(effective_from, starts_on, last) + 31) AS final
      FROM rules
      LEFT JOIN (SELECT user_no, recurring_id, max(date) AS last FROM made GROUP BY user_no, recurring_id) AS made
          USING (user_no, recurring_id)
     WHERE NOT stopped
), days AS (
    SELECT user_no, recurring_id, date
      FROM spans CROSS JOIN LATERAL (
          SELECT first + step AS date FROM generate_series(0, final - first) AS step WHERE frequency = 1
          UNION ALL
          SELECT starts_on + 7 * step FROM generate_series((first - starts_on) / 7, (final - starts_on) / 7) AS step
           WHERE frequency = 2
          UNION ALL
          SELECT (starts_on + make_interval(months => step))::date
            FROM generate_series((12 * (extract(year FROM first) - extract(year FROM starts_on))
                                  + extract(month FROM first) - extract(month FROM starts_on))::integer,
                                 (12 * (extract(year FROM final) - extract(year FROM starts_on))
                                  + extract(month FROM final) - extract(month FROM starts_on))::integer) AS step
           WHERE frequency = 3) AS recurs
     WHERE date BETWEEN first AND final
), due AS (
    SELECT user_no, recurring_id, min(date) AS next_on
      FROM days LEFT JOIN made USING (user_no, recurring_id, date) WHERE made.user_no IS NULL GROUP BY user_no, recurring_id
), judged AS (
    SELECT user_no, recurring_id, format('recurring entry %s of user %s', recurring_id, user_no) AS named, x.next_on,
           x.next_due_at, CASE WHEN u.erased_at IS NULL THEN due.next_on END AS true_on,
           CASE WHEN u.timezone = ANY($3::text[])
                THEN (x.next_due_at AT TIME ZONE u.timezone)::date >= x.next_on
                     AND ((x.next_due_at - interval '1 us') AT TIME ZONE u.timezone)::date < x.next_on
                ELSE (x.next_due_at AT TIME ZONE 'UTC') BETWEEN x.next_on - interval '26 h' AND x.next_on + interval '26 h'
                END AS in_time
      FROM recurring AS x LEFT JOIN expense_user AS u USING (user_no) LEFT JOIN due USING (user_no, recurring_id)
     WHERE user_no >= $1 AND user_no < $2
), bad AS (
    SELECT user_no, recurring_id, format('%s: its next day is %s, and its rules say %s', named,
                                         coalesce(next_on::text, 'none'), coalesce(true_on::text, 'none')) AS finding
      FROM judged WHERE next_on IS DISTINCT FROM true_on
    UNION ALL
    SELECT user_no, recurring_id, format('%s: %s does not begin at %s', named, next_on, next_due_at)
      FROM judged WHERE next_on IS NOT NULL AND in_time IS NOT TRUE
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY user_no, recurring_id LIMIT 10) AS findings;

-- name: zones_in_use
-- What clocks show where users live when a day of theirs is said to begin, as PostgreSQL knows it. A name without a place
-- may be taken for an abbreviation. The view reads every file of the time zones: not where nothing recurs.
WITH known AS MATERIALIZED (
    SELECT name FROM pg_timezone_names
     WHERE (name LIKE '%/%' OR name = 'UTC') AND EXISTS (SELECT FROM recurring WHERE next_due_at IS NOT NULL)
)
SELECT DISTINCT timezone, next_due_at AS at, next_due_at AT TIME ZONE timezone AS shown
  FROM recurring JOIN expense_user USING (user_no) JOIN known ON name = timezone WHERE isfinite(next_due_at);
