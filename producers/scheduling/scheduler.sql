-- name: set_up_session
-- Plans are kept for the life of the session, and may be made while the tables are empty. A run that is not noted, or lost
-- in a crash of the server, is run again: its commit need not wait for the disk.
SELECT set_config('enable_seqscan', 'off', false), set_config('enable_bitmapscan', 'off', false),
       set_config('synchronous_commit', 'off', false);

-- name: be_watched
-- Who leads and says nothing is frozen: the server ends its session, so that another may lead. Who stands by may be as
-- silent as it likes. $1 milliseconds
SELECT set_config('idle_session_timeout', $1::text, false), set_config('idle_in_transaction_session_timeout', $1::text, false);

-- name: clock
-- Time, as every decision reads it too.
SELECT partita_clock();

-- name: applied
-- Up to where each lane of a context has been applied. $1 text
SELECT partition, next_offset FROM lane WHERE context = $1;

-- name: ended
-- Which of these commands were answered, or became dead letters, and when at last. $1 uuid[]
SELECT ended.command_id, max(ended.at) AS at
  FROM (SELECT event.command_id, event.occurred_at AS at FROM every_event AS event
         WHERE event.command_id = ANY($1::uuid[]) AND event.kind = 1
         UNION ALL
        SELECT dead.command_id, event.occurred_at
          FROM dead_letter AS dead
         CROSS JOIN LATERAL (SELECT occurred_at FROM every_event AS event
                              WHERE event.lane_no = dead.lane_no AND event.seq = dead.seq LIMIT 1) AS event
         WHERE dead.command_id = ANY($1::uuid[])) AS ended
 GROUP BY ended.command_id;

-- name: runs
-- What each job of a context has done so far. $1 text
SELECT job, last_run_at, last_period, published, missed FROM job_run WHERE context = $1;

-- name: note_run
-- Two who run a job at once, one of them by hand, may come here in any order: what was later stays.
-- $1 text, $2 text: the job, $3 as of, $4 its period, $5 published, $6 missed
INSERT INTO job_run (context, job, last_run_at, last_period, published, missed) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (context, job) DO UPDATE SET
       last_run_at = greatest(job_run.last_run_at, excluded.last_run_at),
       last_period = greatest(job_run.last_period, excluded.last_period),
       published = job_run.published + excluded.published,
       missed = job_run.missed + excluded.missed;
