-- name: take
-- The first job that nobody works on, or whose worker's lease has run out; raising `attempt` fences that one off. One that
-- another takes at this moment is passed over. Leases run by the server's own clock, which no test moves.
-- $1 context, $2 holder, $3 seconds of the lease
WITH free AS MATERIALIZED (
    SELECT job_no FROM job
     WHERE context = $1 AND state < 3 AND (leased_until IS NULL OR leased_until < clock_timestamp())
     ORDER BY job_no LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE job SET state = 2, attempt = attempt + 1, holder = $2, leased_until = clock_timestamp() + make_interval(secs => $3)
 WHERE job_no = (SELECT job_no FROM free)
RETURNING job_no, context, job_id, lane_no, seq, kind, task, attempt, progress, created_at;

-- name: renew
-- Only for who still has it. $1 bigint job_no, $2 integer attempt, $3 seconds of the lease
UPDATE job SET leased_until = clock_timestamp() + make_interval(secs => $3) WHERE job_no = $1 AND attempt = $2 AND state = 2;

-- name: give_back
-- Free for the next at once, or after some time where the attempt went wrong. $1 bigint job_no, $2 integer attempt, $3 seconds
UPDATE job SET leased_until = clock_timestamp() + make_interval(secs => $3) WHERE job_no = $1 AND attempt = $2 AND state = 2;

-- name: hold
-- Until commit nobody else changes it. $1 bigint job_no
SELECT state, attempt FROM job WHERE job_no = $1 FOR UPDATE;

-- name: note
-- How far a job that is held has come; it is the worker's for so many seconds more. $1 bigint job_no, $2 bytea progress,
-- $3 seconds of the lease
UPDATE job SET progress = $2, leased_until = clock_timestamp() + make_interval(secs => $3) WHERE job_no = $1;

-- name: conclude
-- A job that is held has ended. $1 bigint job_no, $2 smallint state, $3 bytea progress or null for what was noted, $4 bytea outcome, $5 instant
UPDATE job SET state = $2, progress = coalesce($3, progress), outcome = $4, ended_at = $5, decided_at = $5, version = version + 1 WHERE job_no = $1;

-- name: has_completed
-- Whether it was this attempt that ended it, and well; nothing changes that any more. $1 bigint job_no, $2 integer attempt
SELECT state = 3 AND attempt = $2 AS is_so FROM job WHERE job_no = $1;

-- name: left_behind
-- Jobs that have ended of late, and of which an attempt may have left something that counts for nothing.
-- $1 context, $2 how long ago at most, in seconds
SELECT job_id, state, attempt FROM job
 WHERE context = $1 AND ended_at > partita_clock() - make_interval(secs => $2)
   AND attempt > CASE state WHEN 3 THEN 1 ELSE 0 END ORDER BY job_no;

-- name: jobs
-- The latest jobs of a context, those that have not ended first. $1 context, $2 rows
SELECT job_id, kind, state, attempt, progress, created_at, ended_at FROM job
 WHERE context = $1 ORDER BY state >= 3, job_no DESC LIMIT $2;

-- name: standing
-- How some jobs stand, by id. $1 context, $2 text[] job ids
SELECT job_id, state FROM job WHERE context = $1 AND job_id = ANY($2::text[]);
