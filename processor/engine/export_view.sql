-- name: last_decided
-- The instant of the last decision below a cut, null for none: by the last event of each lane. LIMIT keeps the planner from
-- turning the look-ups into a join. $1 integer[] lane_no, $2 bigint[] the first seq above the cut
SELECT max(last.occurred_at)
  FROM unnest($1::integer[], $2::bigint[]) AS stood (lane_no, next_seq) CROSS JOIN LATERAL (
      SELECT occurred_at FROM every_event AS e WHERE e.lane_no = stood.lane_no AND e.seq = stood.next_seq - 1 LIMIT 1) AS last;
