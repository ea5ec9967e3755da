-- How old rows leave the hot tables. A statement that moves takes them away and puts them into the cold table at once, by
-- runs of pages of the hot one: its order is about that of time, and no index is read. $1 integer[] lane_no, $2 bigint[]
-- what is stamped below goes, $3 the first row's place, $4 the place after the last, as (page, 0).

-- name: settle_slice
-- The run of pages is the only way to read. What is moved again after a crash costs less than a wait for the disk.
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_indexscan', 'off', true),
       set_config('enable_bitmapscan', 'off', true), set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('synchronous_commit', 'off', true);

-- name: latest
-- A batch looks for answers before it adds its own: what it has not seen must not become cold meanwhile. No batch takes a
-- day. $1 instant
SELECT least($1::timestamptz, partita_clock() - interval '1 day');

-- name: lanes
-- From where on a lane's rows are hot, and what may not go yet: the relay reads hot events. $1 context
SELECT lane_no, coalesce(moved.hot_from, 1) AS hot_from, coalesce(position.sent, 0) + 1 AS unsent_from
  FROM lane LEFT JOIN relay_position AS position USING (lane_no) LEFT JOIN cold.moved AS moved USING (lane_no)
 WHERE context = $1 AND coalesce(position.sent, 0) >= coalesce(moved.hot_from, 1) ORDER BY lane_no;

-- name: pages
-- $1 the table
SELECT pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint;

-- name: move_events
WITH gone AS (
    DELETE FROM event USING unnest($1::integer[], $2::bigint[]) AS cold (lane_no, seq)
     WHERE event.ctid >= $3::tid AND event.ctid < $4::tid AND event.lane_no = cold.lane_no AND event.seq < cold.seq
    RETURNING event.*
)
INSERT INTO cold.event SELECT * FROM gone;

-- name: mark_moved
-- $1 integer[] lane_no, $2 bigint[] from where on the lane's rows are hot
INSERT INTO cold.moved (lane_no, hot_from) SELECT * FROM unnest($1::integer[], $2::bigint[])
ON CONFLICT (lane_no) DO UPDATE SET hot_from = greatest(moved.hot_from, excluded.hot_from), moved_at = partita_clock();

-- name: begin_tidying
-- It may take long, so it goes slowly: 2 ms of rest for some 10 pages written.
SELECT set_config('statement_timeout', '0', false), set_config('vacuum_cost_delay', '2', false),
       set_config('vacuum_cost_limit', '200', false);

-- name: end_tidying
RESET statement_timeout; RESET vacuum_cost_delay; RESET vacuum_cost_limit;

-- name: tidy_events
-- Pages are used again and none is given back: that would lock the table.
VACUUM (TRUNCATE off, ANALYZE) event;

-- name: survey_events
-- Plans are made for what lies there now.
ANALYZE cold.event;
