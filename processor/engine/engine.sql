-- name: lock_lanes
-- First in every transaction and held until commit: what a lane numbers is numbered in commit order. Sorted, so two
-- batches cannot deadlock; do not remove the ORDER BY. $1 context, $2 integer[] partitions
SELECT lane_no, partition, epoch, next_offset, next_seq, decided_at FROM lane
 WHERE context = $1 AND partition = ANY($2::integer[]) ORDER BY lane_no FOR UPDATE;

-- name: lock_lane
-- One lane, for what is told outside of a batch. $1 integer lane_no
SELECT lane_no, partition, epoch, next_offset, next_seq, decided_at FROM lane WHERE lane_no = $1 FOR UPDATE;

-- name: answer_at
-- An answer by its stamp. $1 integer lane_no, $2 bigint seq
SELECT command_id, aggregateid, source_offset, payload, headers FROM every_event WHERE lane_no = $1 AND seq = $2 AND kind = 1;

-- name: leave_lanes
-- The fence, the numbering and the last instant move together with what they number.
-- $1 integer[] lane_no, $2 bigint[] next_offset, $3 bigint[] next_seq, $4 bigint[] records applied, $5 instant
UPDATE lane SET next_offset = u.next_offset, next_seq = u.next_seq, records = lane.records + u.records, decided_at = $5
  FROM unnest($1::integer[], $2::bigint[], $3::bigint[], $4::bigint[]) AS u (lane_no, next_offset, next_seq, records)
 WHERE lane.lane_no = u.lane_no;

-- name: answers
-- Which of these commands were answered, whenever that was: in hot and cold at once, so an answer that moves meanwhile is
-- seen in one of them. Each has its index on ids. $1 uuid[]
SELECT command_id, id, aggregateid, type, fingerprint FROM every_event WHERE command_id = ANY($1::uuid[]) AND kind = 1;

-- name: ends
-- How the jobs of these commands have ended, each by its index on ends. $1 uuid[]
SELECT command_id, id, aggregateid, type FROM every_event WHERE command_id = ANY($1::uuid[]) AND kind = 6;

-- name: clock
-- In a statement of its own, after every lock: a decision is not older than what it decides on.
SELECT partita_clock();

-- name: create_lane
-- A lane begins where the log begins, whoever comes first. One that is there is not tried to be added: that would wait
-- for whoever holds it, and who takes a lane over from a frozen worker would never come to the batch that frees it.
-- $1 context, $2 partition, $3 the log's first offset
INSERT INTO lane (context, partition, start_offset, next_offset)
SELECT $1, $2, $3, $3 WHERE NOT EXISTS (SELECT FROM lane WHERE context = $1 AND partition = $2)
ON CONFLICT ON CONSTRAINT lane_is_unique DO NOTHING;

-- name: lane_offsets
-- Where to read on. $1 context, $2 integer[] partitions
SELECT partition, next_offset FROM lane WHERE context = $1 AND partition = ANY($2::integer[]);

-- name: end_blockers
-- A batch's transaction has a number once it has locked a row; one that only reads has none and blocks nobody. What
-- waits for its client since its state last changed is idle in transaction, or in a COPY. $1 seconds, double precision
SELECT pid, extract(epoch FROM clock_timestamp() - xact_start)::integer AS age_s,
       pg_terminate_backend(pid, 1000) AS ended
  FROM pg_stat_activity
 WHERE datname = current_database() AND usename = session_user AND application_name LIKE 'partita %'
   AND pid <> pg_backend_pid() AND backend_xid IS NOT NULL AND wait_event_type = 'Client'
   AND state_change < clock_timestamp() - make_interval(secs => $1::double precision);

-- name: wake_relay
-- After the commit and once a batch, never inside it: commits that notify wait for one another. $1 channel
SELECT pg_notify($1, '');

-- name: cut
-- One statement, one snapshot: lanes that commit together are seen together. $1 context
SELECT partition, epoch, next_seq FROM lane WHERE context = $1 ORDER BY partition;
