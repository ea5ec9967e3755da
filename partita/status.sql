-- name: lanes
-- How far each partition of a context has been applied. $1 context
SELECT partition, next_offset FROM lane WHERE context = $1 ORDER BY partition;

-- name: dead_letters
-- How many records of a context could not be applied. $1 context
SELECT count(*) FROM dead_letter JOIN lane USING (lane_no) WHERE lane.context = $1;

-- name: parked
-- Which events of a context their topics never took. $1 context
SELECT lane.partition, event.source_offset AS offset, parked.topic, parked.bytes
  FROM parked JOIN lane USING (lane_no) JOIN every_event AS event USING (lane_no, seq)
 WHERE lane.context = $1 ORDER BY lane.partition, parked.seq;

-- name: sessions
-- How many processes have a role's session open. Its name is cut as the server cuts it. $1 the session's name
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = left($1::text, 63);
