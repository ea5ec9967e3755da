-- What is said of users who were erased before: see `sweeping.py`.

-- name: lanes
-- What has been added to each lane since it was last searched.
SELECT lane_no, coalesce(swept.next_seq, 1) AS first_seq, lane.next_seq
  FROM lane LEFT JOIN erasure_swept AS swept USING (lane_no)
 WHERE context = 'expenses' AND coalesce(swept.next_seq, 1) < lane.next_seq ORDER BY lane_no;

-- name: told_of_erased
-- $1 lane_no, $2 the first seq, $3 the seq after the last
SELECT event.lane_no, event.seq, payload, headers
  FROM event JOIN expense_user ON user_id = aggregateid
 WHERE event.lane_no = $1 AND event.seq >= $2 AND event.seq < $3 AND erased_at IS NOT NULL
   AND aggregatetype = 'expenses' AND type NOT LIKE 'rate.%';

-- name: empty_dead_letters
-- As text an id is its bytes, and no other bytes are. $1 lane_no, $2 the first seq, $3 the seq after the last
UPDATE dead_letter SET value = NULL, headers = NULL, masked = true
  FROM expense_user
 WHERE dead_letter.lane_no = $1 AND dead_letter.seq >= $2 AND dead_letter.seq < $3 AND erased_at IS NOT NULL
   AND user_id = encode(dead_letter.key, 'escape') AND octet_length(dead_letter.key) <= 64
   AND (value IS NOT NULL OR headers IS NOT NULL) AND command_type NOT LIKE 'rate.%';

-- name: mark_swept
-- Two sweepers at once do no harm. $1 lane_no, $2 the seq after the last that was searched
INSERT INTO erasure_swept (lane_no, next_seq) VALUES ($1, $2)
ON CONFLICT (lane_no) DO UPDATE SET next_seq = greatest(erasure_swept.next_seq, excluded.next_seq);

-- name: begin_tidying
-- It may take long, so it goes slowly: 2 ms of rest for some 10 pages written.
SELECT set_config('statement_timeout', '0', false), set_config('vacuum_cost_delay', '2', false),
       set_config('vacuum_cost_limit', '200', false);

-- name: end_tidying
RESET statement_timeout; RESET vacuum_cost_delay; RESET vacuum_cost_limit;

-- name: tidy
-- A row that was changed lies beside its successor, texts and all, until its page is tidied, and what the planner knows of a
-- column quotes values of it. These tables hardly change, so nothing else would see to that for months. No page is given
-- back: that would lock the table.
VACUUM (TRUNCATE off, ANALYZE) event, dead_letter, expense_user, expense, expense_version, expense_summary, budget,
       budget_version, recurring_rule;
