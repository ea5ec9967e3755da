-- Users who are erased: nothing that they wrote is left. Slices of users are those of audit.sql.

-- name: erased_users
-- What a person has written is a category, notes, and the device they were written on; a category has a number for a name.
WITH gone AS (
    SELECT user_no FROM expense_user WHERE user_no >= $1 AND user_no < $2 AND erased_at IS NOT NULL
), written AS (
    SELECT 'expense' AS kept_in, user_no, category, notes, device_id FROM expense WHERE user_no >= $1 AND user_no < $2
    UNION ALL
    SELECT 'expense_version', user_no, category, notes, device_id FROM expense_version WHERE user_no >= $1 AND user_no < $2
    UNION ALL
    SELECT 'expense_summary', user_no, category, '', NULL FROM expense_summary WHERE user_no >= $1 AND user_no < $2
    UNION ALL
    SELECT 'budget', user_no, category, '', NULL FROM budget WHERE user_no >= $1 AND user_no < $2
    UNION ALL
    SELECT 'budget_version', user_no, category, '', NULL FROM budget_version WHERE user_no >= $1 AND user_no < $2
    UNION ALL
    SELECT 'recurring_rule', user_no, category, notes, NULL FROM recurring_rule WHERE user_no >= $1 AND user_no < $2
), judged AS (
    SELECT kept_in, user_no, category !~ '^erased-[1-9][0-9]*$' OR notes <> '' OR device_id IS NOT NULL AS is_left
      FROM written JOIN gone USING (user_no)
), bad AS (
    SELECT user_no, kept_in, format('user %s: %s rows of %s still say what was written', user_no, count(*), kept_in) AS finding
      FROM judged WHERE is_left GROUP BY user_no, kept_in
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY user_no, kept_in LIMIT 10) AS findings;

-- name: erased_events
-- What the user was told says nothing of it either, nor of who asked, and dead letters are empty: whatever has locked the
-- user before, what the lane of the erasure held by then, and what was swept since.
WITH gone AS (
    SELECT user_no, user_id, erased_at, erased.lane_no AS erased_in, erased.seq AS erased_by
      FROM expense_user AS u
      LEFT JOIN LATERAL (SELECT e.lane_no, e.seq FROM every_event AS e
                          WHERE aggregatetype = 'expenses' AND aggregateid = u.user_id
                            AND (kind, type) = (1, 'user.erased') LIMIT 1) AS erased ON true
     WHERE user_no >= $1 AND user_no < $2 AND erased_at IS NOT NULL
), told AS MATERIALIZED (
    SELECT user_no, e.lane_no, e.seq, e.headers,
           said_in(payload) AS said
      FROM gone JOIN every_event AS e ON aggregatetype = 'expenses' AND aggregateid = user_id
      LEFT JOIN erasure_swept AS swept USING (lane_no)
     WHERE type NOT LIKE 'rate.%'
       AND ((kind = 1 OR type = 'budget.threshold_reached') AND occurred_at <= erased_at
            OR e.lane_no = erased_in AND e.seq <= erased_by OR e.seq < swept.next_seq)
), letters AS (
    SELECT user_no, dead.* FROM gone JOIN dead_letter AS dead ON key = convert_to(user_id, 'UTF8') AND octet_length(key) <= 64
      JOIN lane USING (lane_no) LEFT JOIN erasure_swept AS swept USING (lane_no)
     WHERE context = 'expenses' AND command_type NOT LIKE 'rate.%'
       AND (dead.lane_no = erased_in AND dead.seq <= erased_by OR dead.seq < swept.next_seq)
), bad AS (
    SELECT user_no, lane_no, seq,
           format('event %s of lane %s: it still says what user %s has written', seq, lane_no, user_no) AS finding
      FROM told
     WHERE jsonb_path_exists(said, '$.** ? (exists(@.metadata) || exists(@.correlation_id) || @.notes != "" || @.device_id != null
               || @.timezone != "UTC" || exists(@.category) && !(@.category like_regex "^erased(-[1-9][0-9]*)?$"))')
        OR headers <> convert_to('{"partita_wrong_key":"1"}', 'UTF8')
    UNION ALL
    SELECT user_no, lane_no, seq, format('dead letter %s of lane %s: it still holds what user %s has sent', seq, lane_no, user_no)
      FROM letters WHERE value IS NOT NULL OR headers IS NOT NULL
)
SELECT (SELECT count(*) FROM told) + (SELECT count(*) FROM letters) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY user_no, lane_no, seq LIMIT 10) AS findings;
