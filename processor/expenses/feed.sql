-- name: changes
-- A user's changes from a number on, over the three tables that bear numbers: each by its primary key, and no further than the
-- page. What one of them lacks is null. $1 text user id, $2 bigint first number, $3 rows
WITH asked AS MATERIALIZED (SELECT * FROM expense_user WHERE user_id = $1::text AND erased_at IS NULL)
SELECT asked.user_no, user_id, base_currency, timezone, last_change_no, created_at, erased_at, change.*
  FROM asked LEFT JOIN (
      (SELECT 'expense' AS kind, change_no, lane_no, seq, changed_at, category, expense_id, recurring_id, version_no, date,
              amount_minor, currency, base_minor, rate_over, rate_under, notes, device_id, deleted,
              NULL::date AS month, NULL::bigint AS limit_minor,
              NULL::smallint AS frequency, NULL::date AS starts_on, NULL::date AS ends_on, NULL::date AS effective_from,
              NULL::boolean AS stopped
         FROM expense_version WHERE user_no = (SELECT user_no FROM asked) AND change_no >= $2 ORDER BY change_no LIMIT $3)
      UNION ALL
      (SELECT 'budget', change_no, lane_no, seq, changed_at, category, NULL, NULL, NULL, NULL,
              NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
              month, limit_minor,
              NULL, NULL, NULL, NULL, NULL
         FROM budget_version WHERE user_no = (SELECT user_no FROM asked) AND change_no >= $2 ORDER BY change_no LIMIT $3)
      UNION ALL
      (SELECT 'recurring', change_no, lane_no, seq, changed_at, category, NULL, recurring_id, NULL, NULL,
              amount_minor, currency, NULL, NULL, NULL, notes, NULL, NULL,
              NULL, NULL,
              frequency, starts_on, ends_on, effective_from, stopped
         FROM recurring_rule WHERE user_no = (SELECT user_no FROM asked) AND change_no >= $2 ORDER BY change_no LIMIT $3)
      ORDER BY change_no LIMIT $3) AS change ON true
 ORDER BY change.change_no;

-- name: event_ids
-- The ids of the events that told of changes. LIMIT keeps the planner from turning the look-ups into a join.
-- $1 integer[] lane_no, $2 bigint[] seq
SELECT told.lane_no, told.seq, found.id
  FROM unnest($1::integer[], $2::bigint[]) AS told (lane_no, seq)
 CROSS JOIN LATERAL (
     SELECT id FROM every_event AS e WHERE e.lane_no = told.lane_no AND e.seq = told.seq LIMIT 1) AS found;
