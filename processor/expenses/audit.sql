-- Users, their feeds, expenses and sums. A slice is a run of users: $1 the first user_no, $2 the one after the last; what
-- a user has lies in one slice. Rows of users that do not exist lie in one too. Where a statement reads money, $3 are the
-- currencies there are and $4 how many decimals each has. A slice of answers is a run of one lane's events: $1 lane, $2 the
-- first seq, $3 the one after the last. Changes follow one another by (instant, partition, seq).
--
-- What an answer says is read as JSON, once for each; what is none says nothing.

-- name: next_user_slice
-- Counted by what most rows are, never computed: a gap must not make a slice larger. $1 the slice's first user, $2 rows
SELECT user_no FROM expense_version WHERE user_no > $1 ORDER BY user_no, change_no OFFSET $2::bigint - 1 LIMIT 1;

-- name: users
-- A user against the answer that bears its stamp; who is erased, against the one that said so.
WITH told AS MATERIALIZED (
    SELECT u.user_no, u.base_currency, u.timezone, u.erased_at,
           (e.kind, e.type, e.aggregatetype, e.aggregateid, e.occurred_at)
               = (1, 'user.created', 'expenses', u.user_id, u.created_at) AS is_told,
           said_in(e.payload) AS said,
           u.erased_at IS NULL OR erased.seq IS NOT NULL AS erased_is_told
      FROM expense_user AS u LEFT JOIN every_event AS e USING (lane_no, seq)
      LEFT JOIN LATERAL (SELECT seq FROM every_event AS told
                          WHERE u.erased_at IS NOT NULL AND aggregatetype = 'expenses' AND aggregateid = u.user_id
                            AND (kind, type, occurred_at) = (1, 'user.erased', u.erased_at) LIMIT 1) AS erased ON true
     WHERE user_no >= $1 AND user_no < $2
), bad AS (
    SELECT user_no, format('user %s: no answer tells of its creation', user_no) AS finding FROM told WHERE is_told IS NOT TRUE
    UNION ALL
    SELECT user_no, format('user %s: it has %s, and was told to have %s', user_no, base_currency, said ->> 'base_currency')
      FROM told WHERE is_told AND base_currency IS DISTINCT FROM said ->> 'base_currency'
    UNION ALL
    SELECT user_no, format('user %s: it is erased, and no answer tells of that', user_no) FROM told WHERE NOT erased_is_told
    UNION ALL
    SELECT user_no, format('user %s: it is erased, and lives in %s', user_no, timezone)
      FROM told WHERE erased_at IS NOT NULL AND timezone <> 'UTC'
)
SELECT (SELECT count(*) FROM told) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY user_no LIMIT 10) AS findings;

-- name: user_answers
-- The other way round. What was told of a time zone holds until something later is told; that is looked up for those
-- alone whose user lives elsewhere.
WITH told AS MATERIALIZED (
    SELECT seq, type, aggregateid, occurred_at, partition,
           said_in(payload) ->> 'timezone' AS timezone
      FROM every_event LEFT JOIN lane USING (lane_no)
     WHERE lane_no = $1 AND seq >= $2 AND seq < $3 AND kind = 1 AND type IN ('user.created', 'user.updated', 'user.erased')
), judged AS (
    SELECT told.seq, type, u.user_no IS NULL AS lost,
           CASE type WHEN 'user.created' THEN (u.lane_no, u.seq) = ($1::integer, told.seq)
                     WHEN 'user.erased' THEN coalesce(u.erased_at = told.occurred_at, false) ELSE true END AS is_so,
           type = 'user.erased' OR u.timezone = told.timezone OR later.seq IS NOT NULL AS in_zone
      FROM told LEFT JOIN expense_user AS u ON u.user_id = told.aggregateid
      LEFT JOIN LATERAL (
          SELECT e.seq FROM every_event AS e JOIN lane USING (lane_no)
           WHERE u.timezone IS DISTINCT FROM told.timezone AND e.aggregatetype = 'expenses' AND e.aggregateid = told.aggregateid
             AND e.kind = 1 AND e.type = 'user.updated'
             AND (e.occurred_at, lane.partition, e.seq) > (told.occurred_at, told.partition, told.seq)
           LIMIT 1) AS later ON true
), bad AS (
    SELECT seq, format('event %s of lane %s: it is %s, and there is no such user', seq, $1, type) AS finding
      FROM judged WHERE lost
    UNION ALL
    SELECT seq, format('event %s of lane %s: it is %s, and the user says otherwise', seq, $1, type)
      FROM judged WHERE NOT lost AND NOT is_so
    UNION ALL
    SELECT seq, format('event %s of lane %s: it is the last that tells of a time zone, and the user has another', seq, $1)
      FROM judged WHERE NOT lost AND in_zone IS NOT TRUE
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;

-- name: change_numbers
-- Three tables are one feed. A user's row has the instant of whatever was decided last on anything of the user, which
-- makes all that is decided later bear a later one; no lane has decided anything behind its own last instant.
WITH changes AS (
    SELECT user_no, change_no, lane_no, seq, changed_at FROM expense_version WHERE user_no >= $1 AND user_no < $2
    UNION ALL
    SELECT user_no, change_no, lane_no, seq, changed_at FROM budget_version WHERE user_no >= $1 AND user_no < $2
    UNION ALL
    SELECT user_no, change_no, lane_no, seq, changed_at FROM recurring_rule WHERE user_no >= $1 AND user_no < $2
), numbered AS (
    SELECT user_no, change_no, changed_at, lag(change_no, 1, 0::bigint) OVER w AS before,
           ROW(changed_at, partition, seq) < ROW(lag(changed_at) OVER w, lag(partition) OVER w, lag(seq) OVER w) AS is_early,
           lead(change_no) OVER w IS NULL AS is_last
      FROM changes LEFT JOIN lane USING (lane_no)
    WINDOW w AS (PARTITION BY user_no ORDER BY change_no)
), counted AS (
    SELECT user_no, u.user_no IS NULL AS unfounded, u.last_change_no, coalesce(last.change_no, 0) AS numbers,
           u.decided_at < greatest(last.changed_at, u.created_at, u.erased_at) AS is_behind,
           u.decided_at > (SELECT max(decided_at) FROM lane WHERE context = 'expenses') AS is_ahead
      FROM (SELECT * FROM expense_user WHERE user_no >= $1 AND user_no < $2) AS u
      FULL JOIN (SELECT * FROM numbered WHERE is_last) AS last USING (user_no)
), bad AS (
    SELECT user_no, change_no, format('user %s: change %s follows change %s', user_no, change_no, before) AS finding
      FROM numbered WHERE change_no <> before + 1
    UNION ALL
    SELECT user_no, change_no, format('user %s: change %s is older than change %s', user_no, change_no, before)
      FROM numbered WHERE is_early
    UNION ALL
    SELECT user_no, 0, format('user %s: it has changes and no row', user_no) FROM counted WHERE unfounded
    UNION ALL
    SELECT user_no, 0, format('user %s: its last change is said to be %s, and is %s', user_no, last_change_no, numbers)
      FROM counted WHERE last_change_no <> numbers
    UNION ALL
    SELECT user_no, 0, format('user %s: the instant of its last change is not that of any decision behind all its own', user_no)
      FROM counted WHERE is_behind OR is_ahead
)
SELECT (SELECT count(*) FROM numbered) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY user_no, change_no LIMIT 10) AS findings;

-- name: expense_versions
-- Each version against the one before it, and each expense against its last. Who deletes changes nothing else, and names
-- no device.
WITH versions AS (
    SELECT v.*, lag(version_no, 1, 0) OVER w AS before, lag(v) OVER w AS prior, lead(version_no) OVER w IS NULL AS is_last
      FROM expense_version AS v WHERE user_no >= $1 AND user_no < $2
    WINDOW w AS (PARTITION BY user_no, expense_id ORDER BY change_no)
), judged AS (
    SELECT user_no, expense_id, v.version_no, format('expense %s of user %s', expense_id, user_no) AS named,
           v.before, v.is_last, x.user_no IS NULL AS lost, v.user_no IS NULL AS unfounded,
           (x.version_no, x.change_no, x.date, x.category, x.amount_minor, x.currency, x.base_minor, x.rate_over,
            x.rate_under, x.notes, x.deleted, x.decided_at)
               = (v.version_no, v.change_no, v.date, v.category, v.amount_minor, v.currency, v.base_minor, v.rate_over,
                  v.rate_under, v.notes, v.deleted, v.changed_at)
           AND (x.device_id, x.recurring_id) IS NOT DISTINCT FROM (v.device_id, v.recurring_id) AS same,
           (v.prior).deleted AS is_late,
           NOT v.deleted OR v.device_id IS NULL
               AND (v.date, v.category, v.amount_minor, v.currency, v.base_minor, v.rate_over, v.rate_under, v.notes)
                   = ((v.prior).date, (v.prior).category, (v.prior).amount_minor, (v.prior).currency, (v.prior).base_minor,
                      (v.prior).rate_over, (v.prior).rate_under, (v.prior).notes) AS ends_whole,
           starts_with(expense_id, 'recurring:') = (v.recurring_id IS NOT NULL)
               AND (v.before = 0 OR v.recurring_id IS NOT DISTINCT FROM (v.prior).recurring_id) AS of_its_kind
      FROM (SELECT * FROM expense WHERE user_no >= $1 AND user_no < $2) AS x FULL JOIN versions AS v USING (user_no, expense_id)
), bad AS (
    SELECT user_no, expense_id, version_no, named || ': it has versions and no row' AS finding
      FROM judged WHERE lost AND is_last
    UNION ALL
    SELECT user_no, expense_id, 0, named || ': it has a row and no version' FROM judged WHERE unfounded
    UNION ALL
    SELECT user_no, expense_id, version_no, named || ': it is not as its last version says'
      FROM judged WHERE is_last AND NOT lost AND same IS NOT TRUE
    UNION ALL
    SELECT user_no, expense_id, version_no, format('%s: version %s follows version %s', named, version_no, before)
      FROM judged WHERE version_no <> before + 1
    UNION ALL
    SELECT user_no, expense_id, version_no, format('%s: version %s was made after its deletion', named, version_no)
      FROM judged WHERE is_late
    UNION ALL
    SELECT user_no, expense_id, version_no, format('%s: version %s deletes what never was so', named, version_no)
      FROM judged WHERE NOT unfounded AND ends_whole IS NOT TRUE
    UNION ALL
    SELECT user_no, expense_id, version_no, format('%s: version %s is not of what its id says', named, version_no)
      FROM judged WHERE NOT unfounded AND of_its_kind IS NOT TRUE
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY user_no, expense_id, version_no LIMIT 10) AS findings;

-- name: expense_answers
-- Each version against the answer that bears its stamp, field by field as the answer writes them. A ratio is shown as it
-- is where it was given, else rounded half up to 12 decimals.
WITH currencies AS (
    SELECT * FROM unnest($3::text[], $4::integer[]) AS known (currency, decimals)
), told AS MATERIALIZED (
    SELECT v.*, u.user_id, u.base_currency, own.decimals, base.decimals AS base_decimals,
           (e.kind, e.type, e.aggregatetype, e.aggregateid, e.occurred_at)
               = (1, CASE WHEN v.deleted THEN 'expense.deleted' WHEN v.version_no = 1 THEN 'expense.added'
                          ELSE 'expense.changed' END, 'expenses', u.user_id, v.changed_at) AS is_told,
           said_in(e.payload) AS said,
           CASE WHEN v.rate_over ~ '^[0-9]{1,12}(\.[0-9]{1,12})?$' THEN v.rate_over::numeric END AS over,
           CASE WHEN v.rate_under ~ '^[0-9]{1,12}(\.[0-9]{1,12})?$' THEN nullif(v.rate_under::numeric, 0) END AS under
      FROM expense_version AS v LEFT JOIN expense_user AS u USING (user_no)
      LEFT JOIN every_event AS e ON e.lane_no = v.lane_no AND e.seq = v.seq
      LEFT JOIN currencies AS own ON own.currency = v.currency LEFT JOIN currencies AS base ON base.currency = u.base_currency
     WHERE v.user_no >= $1 AND v.user_no < $2
), judged AS (
    SELECT user_no, change_no,
           format('change %s of user %s, version %s of expense %s', change_no, user_no, version_no, expense_id) AS named, is_told,
           (said ->> 'expense_id', said ->> 'user_id', said ->> 'version', said ->> 'change_no', said ->> 'category',
            said ->> 'date', coalesce(said ->> 'notes', ''), said ->> 'currency', said ->> 'base_currency')
               = (expense_id, user_id, version_no::text, change_no::text, category,
                  to_char(date, 'YYYY-MM-DD'), notes, currency, base_currency)
           AND (said ->> 'device_id', said ->> 'recurring_id') IS NOT DISTINCT FROM (device_id, recurring_id)
           AND (said ->> 'amount', said ->> 'base_amount', said ->> 'rate')
               = (round(amount_minor / 10::numeric ^ decimals, decimals)::text,
                  round(base_minor / 10::numeric ^ base_decimals, base_decimals)::text,
                  CASE WHEN rate_under = '1' THEN rate_over
                       ELSE trim_scale(div(2 * 1e12 * over + under, 2 * under) * 1e-12)::text END)
           AND (version_no > 1 OR recurring_id IS NULL = (said ->> 'command_type' = 'expense.add')) AS fits
      FROM told
), bad AS (
    SELECT user_no, change_no, named || ': no answer tells of it' AS finding FROM judged WHERE is_told IS NOT TRUE
    UNION ALL
    SELECT user_no, change_no, named || ': its answer says something else' FROM judged WHERE is_told AND fits IS NOT TRUE
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY user_no, change_no LIMIT 10) AS findings;

-- name: change_answers
-- The other way round: each answer that tells of a change is that change's, and what time made has its day.
WITH told AS MATERIALIZED (
    SELECT seq, type, aggregateid,
           said_in(payload) AS said
      FROM every_event
     WHERE lane_no = $1 AND seq >= $2 AND seq < $3 AND kind = 1
       AND type IN ('expense.added', 'expense.changed', 'expense.deleted', 'budget.defined',
                    'recurring.defined', 'recurring.stopped')
), numbered AS (
    SELECT told.seq, type, u.user_no,
           CASE WHEN said ->> 'change_no' ~ '^[0-9]{1,18}$' THEN (said ->> 'change_no')::bigint END AS change_no,
           said ->> 'command_type' = 'recurring.materialise' AS by_time, said ->> 'recurring_id' AS recurring_id,
           CASE WHEN pg_input_is_valid(said ->> 'date', 'date') THEN (said ->> 'date')::date END AS day
      FROM told LEFT JOIN expense_user AS u ON u.user_id = aggregateid
), judged AS (
    SELECT numbered.seq, type, change.seq IS NOT DISTINCT FROM numbered.seq AS is_so,
           by_time IS NOT TRUE OR made.seq IS NOT DISTINCT FROM numbered.seq AS is_made
      FROM numbered
      LEFT JOIN LATERAL (
          SELECT seq FROM expense_version AS v
           WHERE type LIKE 'expense.%' AND (v.user_no, v.change_no, v.lane_no) = (numbered.user_no, numbered.change_no, $1)
          UNION ALL
          SELECT seq FROM budget_version AS v
           WHERE type LIKE 'budget.%' AND (v.user_no, v.change_no, v.lane_no) = (numbered.user_no, numbered.change_no, $1)
          UNION ALL
          SELECT seq FROM recurring_rule AS v
           WHERE type LIKE 'recurring.%' AND (v.user_no, v.change_no, v.lane_no) = (numbered.user_no, numbered.change_no, $1)
          LIMIT 1) AS change ON true
      LEFT JOIN LATERAL (
          SELECT seq FROM recurring_entry AS v
           WHERE by_time AND (v.user_no, v.recurring_id, v.date, v.lane_no)
                           = (numbered.user_no, numbered.recurring_id, numbered.day, $1) LIMIT 1) AS made ON true
), bad AS (
    SELECT seq, format('event %s of lane %s: it is %s, and nothing of its user has so changed', seq, $1, type) AS finding
      FROM judged WHERE NOT is_so
    UNION ALL
    SELECT seq, format('event %s of lane %s: it tells of a day that recurs, and that has no expense', seq, $1)
      FROM judged WHERE NOT is_made
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;

-- name: expense_sums
-- Both ways: each sum is that of its expenses, and no expense that counts is in none. A sum of nothing is that of a month
-- and a category which there once were. Categories are what a person wrote: no finding names one.
WITH counted AS (
    SELECT user_no, date_trunc('month', date::timestamp)::date AS month, category, sum(base_minor) AS spent_minor,
           count(*) AS expenses
      FROM expense WHERE user_no >= $1 AND user_no < $2 AND NOT deleted GROUP BY 1, 2, 3
), judged AS (
    SELECT user_no, month, category, s.user_no IS NULL AS lost,
           (s.spent_minor, s.expenses) = (coalesce(c.spent_minor, 0), coalesce(c.expenses, 0)) AS same, s.spent_minor, s.expenses,
           coalesce(c.spent_minor, 0) AS true_minor, coalesce(c.expenses, 0) AS true_expenses,
           s.expenses = 0 AND NOT EXISTS (
               SELECT FROM expense_version AS v
                WHERE v.user_no = s.user_no AND v.category = s.category
                  AND v.date >= s.month AND v.date < s.month + interval '1 month') AS unfounded
      FROM (SELECT * FROM expense_summary WHERE user_no >= $1 AND user_no < $2) AS s
      FULL JOIN counted AS c USING (user_no, month, category)
), bad AS (
    SELECT user_no, month, category, format('user %s, %s: %s expenses of a category count, and there is no sum',
                                            user_no, to_char(month, 'YYYY-MM'), true_expenses) AS finding
      FROM judged WHERE lost
    UNION ALL
    SELECT user_no, month, category, format('user %s, %s: a sum is %s of %s expenses, and they come to %s of %s',
                                            user_no, to_char(month, 'YYYY-MM'), spent_minor, expenses, true_minor, true_expenses)
      FROM judged WHERE NOT lost AND NOT same
    UNION ALL
    SELECT user_no, month, category, format('user %s, %s: a sum of what never was', user_no, to_char(month, 'YYYY-MM'))
      FROM judged WHERE unfounded AND same
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY user_no, month, category LIMIT 10) AS findings;
