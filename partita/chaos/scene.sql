-- name: lanes
-- How far each partition has been applied. $1 context
SELECT partition, next_offset FROM lane WHERE context = $1;

-- name: backlog
-- How many events wait to be published, and for how long the oldest has. Days that were skipped meanwhile do not count:
-- nothing waits for as long. $1 context
SELECT coalesce(sum(waiting.events), 0)::bigint AS events,
       coalesce(mod(extract(epoch FROM partita_clock() - min(waiting.oldest)), 86400), 0)::float8 AS age_s
  FROM (SELECT lane.next_seq - 1 - coalesce(position.sent, 0) AS events,
               (SELECT event.occurred_at FROM event
                 WHERE event.lane_no = lane.lane_no AND event.seq > coalesce(position.sent, 0)
                 ORDER BY event.seq LIMIT 1) AS oldest
          FROM lane LEFT JOIN relay_position AS position USING (lane_no) WHERE lane.context = $1) AS waiting;

-- name: sessions
-- Whose sessions there are, by the name of their role; our own left out.
SELECT application_name AS name, count(*) AS sessions FROM pg_stat_activity
 WHERE datname = current_database() AND application_name LIKE 'partita %' GROUP BY 1;

-- name: old_transactions
-- Transactions that are open for too long. $1 seconds
SELECT pid, application_name FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
   AND xact_start < clock_timestamp() - make_interval(secs => $1::float8);

-- name: advisory_locks
-- Who holds advisory locks: a lock lives as long as its session.
SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
 WHERE locktype = 'advisory' AND granted AND datname = current_database();

-- name: begin_the_first_day
-- Lets the bank's clock, not the server's, stand at an instant to come: in hours, for days differ. $1 timestamptz
UPDATE clock SET ahead = make_interval(secs => extract(epoch FROM $1::timestamptz - clock_timestamp())::float8);

-- name: skip_a_day
-- Moves that clock on by a day.
UPDATE clock SET ahead = ahead + '24 hours';
