-- name: keep
-- The first consumer of a context writes down its partition count; all others must find the same. $1 context, $2 count
INSERT INTO context_layout (context, partitions) VALUES ($1, $2) ON CONFLICT (context) DO NOTHING;

-- name: layout
-- Waits for a door that is changing it. $1 context
SELECT partitions FROM context_layout WHERE context = $1 FOR SHARE;

-- name: lock_layout
-- Held until commit: consumers that are assigned partitions wait to see what comes of it. $1 context
SELECT partitions FROM context_layout WHERE context = $1 FOR UPDATE;

-- name: lock_lanes
-- Nothing is applied until commit. Sorted as in every batch. $1 context
SELECT FROM lane WHERE context = $1 ORDER BY lane_no FOR UPDATE;

-- name: add_lane
-- A lane that joins others is of their epoch, and begins with its partition. $1 context, $2 partition
INSERT INTO lane (context, partition, epoch, start_offset, next_offset)
SELECT $1, $2, coalesce(max(epoch), 1), 0, 0 FROM lane WHERE context = $1
ON CONFLICT ON CONSTRAINT lane_is_unique DO NOTHING;

-- name: change_layout
-- $1 context, $2 the count from now on
UPDATE context_layout SET partitions = $2 WHERE context = $1;

-- name: unpublished
-- How many events of a context the relay has not sent. $1 context
SELECT coalesce(sum(lane.next_seq - 1 - coalesce(position.sent, 0)), 0)::bigint
  FROM lane LEFT JOIN relay_position AS position USING (lane_no) WHERE lane.context = $1;

-- name: sessions
-- Sessions of a role of a context, by the name that each gives itself. $1 the name
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1;
