-- name: lock_jobs
-- In the order of their ids, so that two batches wait for one another and do not deadlock; a worker holds one at a time,
-- behind its lane. $1 context, $2 text[] job ids
SELECT job_no, job_id, kind, task, state, progress, outcome, created_at, ended_at, version, decided_at
  FROM job WHERE context = $1 AND job_id = ANY($2::text[]) ORDER BY job_id FOR UPDATE;

-- name: job_numbers
-- One for each job that may be begun; gaps are harmless. $1 how many
SELECT nextval('job_no') AS job_no FROM generate_series(1, $1::integer);

-- name: update_jobs
-- What a batch changes of a job is that it ends; found by its place, which keeps the planner from reading a small table
-- whole, and only where it is still as it was read. $1 bigint[] job_no, $2 smallint[] state, $3 bytea[] outcome,
-- $4 timestamptz[] ended, $5 bigint[] version read, $6 instant
UPDATE job SET state = u.state, outcome = u.outcome, ended_at = u.ended_at, version = job.version + 1, decided_at = $6
  FROM unnest($1::bigint[], $2::smallint[], $3::bytea[], $4::timestamptz[], $5::bigint[])
       AS u (job_no, state, outcome, ended_at, version)
 CROSS JOIN LATERAL (SELECT ctid AS place FROM job WHERE job_no = u.job_no AND version = u.version LIMIT 1) AS found
 WHERE job.ctid = found.place;
