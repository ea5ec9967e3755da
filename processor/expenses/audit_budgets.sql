-- Budgets and what was told of them. Slices of users and of answers are those of audit.sql. No finding names a category.

-- name: budgets
-- Each change of a budget against the answer that bears its stamp, and each budget against its last change. A month that
-- is null is every month. $3 text[] currencies, $4 integer[] decimals
WITH currencies AS (
    SELECT * FROM unnest($3::text[], $4::integer[]) AS known (currency, decimals)
), versions AS MATERIALIZED (
    SELECT v.*, coalesce(v.month, 'infinity'::date) AS held, u.base_currency, u.user_id, decimals,
           lead(change_no) OVER (PARTITION BY user_no, category, v.month ORDER BY change_no) IS NULL AS is_last,
           (e.kind, e.type, e.aggregatetype, e.aggregateid, e.occurred_at)
               = (1, 'budget.defined', 'expenses', u.user_id, v.changed_at) AS is_told,
           said_in(e.payload) AS said
      FROM budget_version AS v LEFT JOIN expense_user AS u USING (user_no) LEFT JOIN currencies ON currency = base_currency
      LEFT JOIN every_event AS e ON e.lane_no = v.lane_no AND e.seq = v.seq
     WHERE user_no >= $1 AND user_no < $2
), standing AS (
    SELECT *, coalesce(month, 'infinity'::date) AS held FROM budget WHERE user_no >= $1 AND user_no < $2
), judged AS (
    SELECT user_no, v.change_no, v.is_last, b.user_no IS NULL AS lost, v.user_no IS NULL AS unfounded,
           b.limit_minor IS NOT DISTINCT FROM v.limit_minor AND b.decided_at = v.changed_at AS same,
           v.is_told AND (said ->> 'user_id', said ->> 'category', said ->> 'base_currency', said ->> 'change_no')
                   = (v.user_id, category, v.base_currency, v.change_no::text)
               AND (said ->> 'month', said ->> 'limit')
                   IS NOT DISTINCT FROM (to_char(v.month, 'YYYY-MM'),
                                         round(v.limit_minor / 10::numeric ^ decimals, decimals)::text) AS is_told
      FROM standing AS b FULL JOIN versions AS v USING (user_no, category, held)
), bad AS (
    SELECT user_no, change_no, format('user %s: change %s made a budget that has no row', user_no, change_no) AS finding
      FROM judged WHERE lost AND is_last
    UNION ALL
    SELECT user_no, 0, format('user %s: a budget has a row and was never set', user_no) FROM judged WHERE unfounded
    UNION ALL
    SELECT user_no, change_no, format('user %s: a budget is not as change %s has left it', user_no, change_no)
      FROM judged WHERE is_last AND NOT lost AND NOT same
    UNION ALL
    SELECT user_no, change_no, format('user %s: no answer tells of change %s, of a budget', user_no, change_no)
      FROM judged WHERE NOT unfounded AND is_told IS NOT TRUE
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY user_no, change_no LIMIT 10) AS findings;

-- name: budget_thresholds
-- What was spent on each category and month after each change is summed up again, and held against the budget of then: a
-- month's own, else every month's. The first rise that reaches a part tells of it, right behind its answer; nothing else
-- is told there. Only categories that ever had a budget are looked at. $3 text[] currencies, $4 integer[] decimals
WITH currencies AS (
    SELECT * FROM unnest($3::text[], $4::integer[]) AS known (currency, decimals)
), capped AS (
    SELECT DISTINCT user_no, category FROM budget_version WHERE user_no >= $1 AND user_no < $2
), steps AS MATERIALIZED (
    SELECT v.*, lag(v) OVER (PARTITION BY user_no, expense_id ORDER BY change_no) AS prior
      FROM expense_version AS v WHERE user_no >= $1 AND user_no < $2 AND user_no IN (SELECT user_no FROM capped)
), differences AS (
    SELECT user_no, change_no, date_trunc('month', date::timestamp)::date AS month, category, base_minor AS by_minor
      FROM steps WHERE NOT deleted
    UNION ALL
    SELECT user_no, change_no, date_trunc('month', (prior).date::timestamp)::date, (prior).category, - (prior).base_minor
      FROM steps WHERE NOT (prior).deleted
), moved AS (
    SELECT user_no, change_no, month, category, sum(by_minor) AS by_minor
      FROM differences JOIN capped USING (user_no, category) GROUP BY user_no, change_no, month, category
), spent AS (
    SELECT *, sum(by_minor) OVER (PARTITION BY user_no, month, category ORDER BY change_no) AS spent_minor FROM moved
), risen AS (
    SELECT spent.*, coalesce(own.limit_minor, every.limit_minor) AS limit_minor
      FROM spent
      LEFT JOIN LATERAL (SELECT limit_minor FROM budget_version AS b
                          WHERE b.user_no = spent.user_no AND b.change_no < spent.change_no
                            AND b.category = spent.category AND b.month = spent.month
                          ORDER BY b.change_no DESC LIMIT 1) AS own ON true
      LEFT JOIN LATERAL (SELECT limit_minor FROM budget_version AS b
                          WHERE b.user_no = spent.user_no AND b.change_no < spent.change_no
                            AND b.category = spent.category AND b.month IS NULL
                          ORDER BY b.change_no DESC LIMIT 1) AS every ON true
     WHERE by_minor > 0
), reached AS (
    SELECT DISTINCT ON (user_no, month, category, percent) risen.*, percent
      FROM risen CROSS JOIN (VALUES (80), (100)) AS parts (percent)
     WHERE spent_minor * 100 >= percent * limit_minor
     ORDER BY user_no, month, category, percent, change_no
), expected AS (
    SELECT user_no, change_no, month, category, percent, limit_minor, spent_minor, steps.lane_no, steps.changed_at,
           steps.seq + row_number() OVER (PARTITION BY user_no, change_no ORDER BY percent) AS seq
      FROM reached JOIN steps USING (user_no, change_no, category)
), told AS MATERIALIZED (
    SELECT user_no, steps.change_no, extra.*,
           said_in(extra.payload) AS said
      FROM steps JOIN capped USING (user_no, category) JOIN every_event AS answer USING (lane_no, seq)
     CROSS JOIN LATERAL (SELECT * FROM every_event AS e
                          WHERE e.lane_no = answer.lane_no AND e.seq BETWEEN answer.seq + 1 AND answer.seq + 2
                            AND e.type = 'budget.threshold_reached' AND e.command_id = answer.command_id LIMIT 2) AS extra
), judged AS (
    SELECT coalesce(x.user_no, told.user_no) AS user_no, coalesce(x.change_no, told.change_no) AS change_no,
           told.user_no IS NULL AS missed, x.user_no IS NULL AS unfounded,
           (kind, aggregatetype, aggregateid, occurred_at) = (4, 'expenses', u.user_id, x.changed_at)
           AND (said ->> 'user_id', said ->> 'category', said ->> 'month', said ->> 'percent', said ->> 'base_currency')
               = (u.user_id, x.category, to_char(x.month, 'YYYY-MM'), x.percent::text, u.base_currency)
           AND (said ->> 'limit', said ->> 'spent')
               = (round(x.limit_minor / 10::numeric ^ decimals, decimals)::text,
                  round(x.spent_minor / 10::numeric ^ decimals, decimals)::text) AS fits
      FROM expected AS x FULL JOIN told ON told.lane_no = x.lane_no AND told.seq = x.seq
      LEFT JOIN expense_user AS u ON u.user_no = coalesce(x.user_no, told.user_no)
      LEFT JOIN currencies ON currency = u.base_currency
), highest AS (
    SELECT user_no, month, category, max(percent) AS percent FROM reached GROUP BY user_no, month, category
), remembered AS (
    SELECT user_no, month, coalesce(s.told, 0) AS told, coalesce(percent, 0) AS percent
      FROM (SELECT * FROM expense_summary WHERE user_no >= $1 AND user_no < $2) AS s
      FULL JOIN highest USING (user_no, month, category)
), bad AS (
    SELECT user_no, change_no,
           format('user %s: change %s has reached a part of a budget, and nobody was told', user_no, change_no) AS finding
      FROM judged WHERE missed
    UNION ALL
    SELECT user_no, change_no, format('user %s: what was told after change %s was not reached by it first', user_no, change_no)
      FROM judged WHERE unfounded
    UNION ALL
    SELECT user_no, change_no, format('user %s: what was told after change %s is not what it has reached', user_no, change_no)
      FROM judged WHERE NOT missed AND NOT unfounded AND fits IS NOT TRUE
    UNION ALL
    SELECT user_no, 0, format('user %s, %s: a sum says that %s %% were told, and it was %s',
                              user_no, to_char(month, 'YYYY-MM'), told, percent)
      FROM remembered WHERE told <> percent
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY user_no, change_no LIMIT 10) AS findings;

-- name: threshold_answers
-- The other way round: what is told of a budget follows the answer that has raised that category, and that has a budget.
WITH told AS MATERIALIZED (
    SELECT e.seq, e.aggregateid, e.kind = 4 AND answer.seq IS NOT NULL AS follows,
           said_in(e.payload) ->> 'category' AS category,
           said_in(answer.payload) ->> 'category' AS raised
      FROM every_event AS e
      LEFT JOIN LATERAL (SELECT a.seq, a.payload FROM every_event AS a
                          WHERE a.lane_no = $1 AND a.seq BETWEEN e.seq - 2 AND e.seq - 1 AND a.kind = 1
                            AND a.command_id = e.command_id AND a.aggregateid = e.aggregateid
                            AND a.type IN ('expense.added', 'expense.changed') LIMIT 1) AS answer ON true
     WHERE e.lane_no = $1 AND e.seq >= $2 AND e.seq < $3 AND e.type = 'budget.threshold_reached'
), bad AS (
    SELECT seq, format('event %s of lane %s: it tells of a budget, and follows no rise of it', seq, $1) AS finding
      FROM told WHERE follows IS NOT TRUE OR category IS DISTINCT FROM raised
    UNION ALL
    SELECT told.seq, format('event %s of lane %s: it tells of a budget that never was', told.seq, $1)
      FROM told LEFT JOIN expense_user AS u ON u.user_id = aggregateid
     WHERE follows AND category = raised
       AND NOT EXISTS (SELECT FROM budget_version AS b WHERE b.user_no = u.user_no AND b.category = told.category)
)
SELECT (SELECT count(*) FROM told) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;
