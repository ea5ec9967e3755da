-- name: set_up_session
-- Plans are made while the tables are empty and kept for the life of the session: without this a lane may be read by
-- scanning all events. A position lost in a crash of the server only makes repeats: its commit need not wait for the disk.
-- A leader whose process is frozen asks nothing; the server ends its session, so that another may lead. $1 milliseconds
SELECT set_config('enable_seqscan', 'off', false), set_config('enable_bitmapscan', 'off', false),
       set_config('synchronous_commit', 'off', false), set_config('idle_session_timeout', $1::text, false);

-- name: page
-- What comes next in every lane of a context; the lanes share the page evenly, so that none waits for another.
-- A repeat's row has no payload of its own: that of its answer, or its job's end, is read by a unique index. The LIMITs keep the planner from
-- turning the look-ups into joins over whole tables.
-- Ids are wanted as text, which PostgreSQL writes for a tenth of what Python takes.
-- No ORDER BY outside: a sort would carry every payload; the relay checks instead that each seq follows the one before.
-- $1 text, $2 integer
SELECT lane.lane_no, lane.partition, lane.epoch, coalesce(position.sent, 0) AS sent, e.seq, e.kind, e.occurred_at,
       e.id::text, e.command_id::text, e.aggregateid, e.type, e.headers,
       CASE e.kind
            WHEN 2 THEN (SELECT answer.payload FROM every_event AS answer WHERE answer.command_id = e.command_id AND answer.kind = 1 LIMIT 1)
            WHEN 7 THEN (SELECT ending.payload FROM every_event AS ending WHERE ending.command_id = e.command_id AND ending.kind = 6 LIMIT 1)
            ELSE e.payload END AS payload,
       e.source_offset, dead.code, dead.reason, dead.path, dead.command_id::text AS dead_command_id, dead.key, dead.value,
       dead.headers AS dead_headers, dead.timestamp_ms, dead.timestamp_type
  FROM lane
  LEFT JOIN relay_position AS position USING (lane_no)
 CROSS JOIN LATERAL (SELECT * FROM event
                      WHERE event.lane_no = lane.lane_no AND event.seq > coalesce(position.sent, 0)
                      ORDER BY event.seq
                      LIMIT (SELECT greatest($2::integer / count(*), 1) FROM lane WHERE lane.context = $1::text)) AS e
  LEFT JOIN LATERAL (SELECT * FROM dead_letter AS d
                      WHERE e.kind = 5 AND d.lane_no = e.lane_no AND d.seq = e.seq LIMIT 1) AS dead ON true
 WHERE lane.context = $1::text;

-- name: parked
-- Which of the events that wait were given up before. $1 text
SELECT parked.lane_no, parked.seq
  FROM parked JOIN lane USING (lane_no) LEFT JOIN relay_position AS position USING (lane_no)
 WHERE lane.context = $1::text AND parked.seq > coalesce(position.sent, 0);

-- name: park
-- Committed before the position moves past the event. Whoever has given it up before was right.
-- $1 integer, $2 bigint, $3 text, $4 integer, $5 text
INSERT INTO parked (lane_no, seq, topic, bytes, reason) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING;

-- name: make_positions
-- Lanes are made by consumers, their positions by the first relay that publishes for them. $1 integer[]
INSERT INTO relay_position (lane_no) SELECT unnest($1::integer[]) ON CONFLICT DO NOTHING;

-- name: mark_sent
-- Compare and set: a relay that was frozen while another took over moves nothing. $1 integer[], $2 bigint[], $3 bigint[]
UPDATE relay_position AS position SET sent = moved.new
  FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS moved(lane_no, old, new)
 WHERE position.lane_no = moved.lane_no AND position.sent = moved.old;

-- name: unpublished
-- What waits in each lane, and since when. $1 text
SELECT lane.partition, lane.next_seq - 1 - coalesce(position.sent, 0) AS events, oldest.occurred_at AS oldest
  FROM lane
  LEFT JOIN relay_position AS position USING (lane_no)
  LEFT JOIN LATERAL (SELECT event.occurred_at FROM event
                      WHERE event.lane_no = lane.lane_no AND event.seq > coalesce(position.sent, 0)
                      ORDER BY event.seq LIMIT 1) AS oldest ON true
 WHERE lane.context = $1::text
 ORDER BY lane.partition;
