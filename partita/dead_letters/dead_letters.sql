-- name: listed
-- Newest first, without the values. $1 text[] contexts, $2 text code or null, $3 timestamptz or null, $4 limit
SELECT lane.context, lane.partition, event.source_offset AS offset, event.occurred_at, dead.code, dead.path,
       dead.command_type, dead.command_id::text, dead.masked, parked.seq IS NOT NULL AS parked,
       octet_length(dead.value) AS bytes, coalesce(replays.published, 0) AS replays
  FROM dead_letter AS dead
  JOIN every_event AS event USING (lane_no, seq)
  JOIN lane USING (lane_no)
  LEFT JOIN parked USING (lane_no, seq)
  LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE step = 2) AS published FROM dead_letter_replay AS r
                      WHERE r.lane_no = dead.lane_no AND r.seq = dead.seq) AS replays ON true
 WHERE lane.context = ANY($1::text[]) AND ($2::text IS NULL OR dead.code = $2)
   AND ($3::timestamptz IS NULL OR event.occurred_at >= $3)
 ORDER BY event.occurred_at DESC, dead.lane_no, dead.seq DESC
 LIMIT $4;

-- name: found
-- By the place of its record: there are few dead letters in a lane, and each finds its event by key.
-- $1 context, $2 partition, $3 offset
SELECT lane.context, lane.partition, event.source_offset AS offset, event.occurred_at, dead.lane_no, dead.seq, dead.code,
       dead.reason, dead.path, dead.command_type, dead.command_id::text, dead.key, dead.value, dead.headers,
       dead.timestamp_ms, dead.timestamp_type, dead.masked, parked.seq IS NOT NULL AS parked
  FROM dead_letter AS dead
  JOIN every_event AS event USING (lane_no, seq)
  JOIN lane USING (lane_no)
  LEFT JOIN parked USING (lane_no, seq)
 WHERE lane.context = $1 AND lane.partition = $2 AND event.source_offset = $3;

-- name: not_replayed
-- The next page of those whose replay nobody has seen arrive, in the order of their lanes; page by page, so that no
-- transaction stays open meanwhile. What comes back dead is newer than $5 and not replayed again.
-- $1 text[] contexts, $2 text code or null, $3 integer, $4 bigint: the last of the page before, $5 instant, $6 rows
SELECT lane.context, lane.partition, event.source_offset AS offset, event.occurred_at, dead.lane_no, dead.seq, dead.code,
       dead.reason, dead.path, dead.command_type, dead.command_id::text, dead.key, dead.value, dead.headers,
       dead.timestamp_ms, dead.timestamp_type, dead.masked, parked.seq IS NOT NULL AS parked
  FROM dead_letter AS dead
  JOIN every_event AS event USING (lane_no, seq)
  JOIN lane USING (lane_no)
  LEFT JOIN parked USING (lane_no, seq)
 WHERE lane.context = ANY($1::text[]) AND ($2::text IS NULL OR dead.code = $2)
   AND (dead.lane_no, dead.seq) > ($3::integer, $4::bigint) AND event.occurred_at <= $5
   AND NOT EXISTS (SELECT FROM dead_letter_replay AS r WHERE r.lane_no = dead.lane_no AND r.seq = dead.seq AND r.step = 2)
 ORDER BY dead.lane_no, dead.seq
 LIMIT $6;

-- name: replays
-- Every replay of a dead letter, and where it went. $1 integer, $2 bigint
SELECT intended.recorded_at, intended.database_user, intended.os_user, intended.mended, intended.topic,
       encode(intended.key_sha256, 'hex') AS key_sha256, encode(intended.value_sha256, 'hex') AS value_sha256,
       published.partition, published.sent_offset AS offset
  FROM dead_letter_replay AS intended
  LEFT JOIN dead_letter_replay AS published ON published.replay_no = intended.replay_no AND published.step = 2
 WHERE intended.lane_no = $1 AND intended.seq = $2 AND intended.step = 1
 ORDER BY intended.replay_no;

-- name: now
SELECT partita_clock();

-- name: intend
-- $1 integer, $2 bigint, $3 topic, $4 mended, $5 bytea, $6 bytea, $7 the caller
INSERT INTO dead_letter_replay (replay_no, step, lane_no, seq, topic, mended, key_sha256, value_sha256, os_user)
VALUES (nextval('replay_no'), 1, $1, $2, $3, $4, $5, $6, $7) RETURNING replay_no;

-- name: complete
-- $1 bigint the intent, $2 partition, $3 offset
INSERT INTO dead_letter_replay (replay_no, step, lane_no, seq, topic, partition, sent_offset, mended, key_sha256, value_sha256, os_user)
SELECT replay_no, 2, lane_no, seq, topic, $2, $3, mended, key_sha256, value_sha256, os_user
  FROM dead_letter_replay WHERE replay_no = $1 AND step = 1;
