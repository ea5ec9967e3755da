-- name: lanes
-- The lanes of a context in the order of their partitions, in which decisions of one instant follow each other. $1 context
SELECT lane_no, partition, decided_at FROM lane WHERE context = $1 ORDER BY partition;

-- name: first_seqs
-- Which event of each lane is the first that is not before an instant, or where its lane stands: by halving, for a lane
-- numbers without gaps and its instants never fall. LIMIT keeps the planner from turning the look-ups into a join.
-- $1 integer[] lane_no, $2 bigint[] where each lane stands, $3 instant
WITH RECURSIVE half AS (
    SELECT lane_no, 1::bigint AS low, high FROM unnest($1::integer[], $2::bigint[]) AS lanes (lane_no, high)
    UNION ALL
    SELECT half.lane_no, CASE WHEN is_before THEN middle + 1 ELSE low END, CASE WHEN is_before THEN high ELSE middle END
      FROM half CROSS JOIN LATERAL (
          SELECT seq AS middle, occurred_at < $3::timestamptz AS is_before FROM every_event AS e
           WHERE e.lane_no = half.lane_no AND e.seq = (low + high) / 2 LIMIT 1) AS looked_at
     WHERE low < high
)
SELECT lane_no, low AS seq FROM half WHERE low = high;

-- name: later_epochs
-- Which event of each lane is the first of an epoch above a cut's, or where its lane stands: by halving, for an event's
-- id begins with its epoch, and epochs never fall. $1 context, $2 the least id of such an epoch, uuid
WITH RECURSIVE half AS (
    SELECT lane_no, partition, 1::bigint AS low, next_seq AS high FROM lane WHERE context = $1
    UNION ALL
    SELECT half.lane_no, partition, CASE WHEN is_before THEN middle + 1 ELSE low END,
           CASE WHEN is_before THEN high ELSE middle END
      FROM half CROSS JOIN LATERAL (
          SELECT seq AS middle, id < $2::uuid AS is_before FROM every_event AS e
           WHERE e.lane_no = half.lane_no AND e.seq = (low + high) / 2 LIMIT 1) AS looked_at
     WHERE low < high
)
SELECT partition, low AS seq FROM half WHERE low = high;
