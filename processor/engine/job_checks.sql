-- Jobs of one context. A slice of jobs is a run of their numbers: $1 the first, $2 the one after the last; then $3 the
-- context and $4 the field with a job's id. A slice of events is a run of one lane: $1 lane, $2 the first seq, $3 the one
-- after the last; then $4 the context and $5 the field. Behind those stand the types of the events that are told.
--
-- A job and what is told of it change in one commit, so each statement, one snapshot, sees both or neither.

-- name: next_job_slice
-- Over all contexts. $1 the slice's first job_no, $2 rows
SELECT job_no FROM job WHERE job_no > $1 ORDER BY job_no OFFSET $2::bigint - 1 LIMIT 1;

-- name: begun
-- A job against the answer that bears its stamp. $5 accepted
WITH told AS MATERIALIZED (
    SELECT job_no, job_id,
           (e.kind, e.aggregatetype, e.type, e.occurred_at) = (1, $3::text, $5::text, job.created_at)
               AND said_in(e.payload) ->> $4::text = job_id AS is_told
      FROM job LEFT JOIN every_event AS e USING (lane_no, seq)
     WHERE job_no >= $1 AND job_no < $2 AND context = $3::text
), bad AS (
    SELECT job_no, format('job %s: no answer tells that it was taken on', job_no) AS finding FROM told WHERE is_told IS NOT TRUE
)
SELECT (SELECT count(*) FROM told) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY job_no LIMIT 10) AS findings;

-- name: begun_answers
-- The other way round. $6 accepted
WITH told AS MATERIALIZED (
    SELECT e.seq, job.job_no
      FROM (SELECT lane_no, seq, said_in(payload) ->> $5::text AS job_id FROM every_event
             WHERE lane_no = $1 AND seq >= $2 AND seq < $3 AND kind = 1 AND aggregatetype = $4::text AND type = $6::text) AS e
      LEFT JOIN job ON (job.context, job.job_id, job.lane_no, job.seq) = ($4::text, e.job_id, e.lane_no, e.seq)
), bad AS (
    SELECT seq, format('event %s of lane %s: it takes on what is no job', seq, $1) AS finding FROM told WHERE job_no IS NULL
)
SELECT (SELECT count(*) FROM told) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;

-- name: ended
-- A job against the end of the command that began it; one that was cancelled, against the answer to the command that it
-- names. What was told says all that the job keeps, and one that was cancelled or goes on has no end.
-- $5 completed, $6 failed, $7 cancelled
WITH told AS MATERIALIZED (
    SELECT job_no, job.state, job.ended_at, finish.command_id IS NOT NULL AS has_end,
           (said.kind, said.aggregatetype, said.occurred_at) = (CASE job.state WHEN 5 THEN 1 ELSE 6 END, $3::text, job.ended_at)
               AND said.type = CASE job.state WHEN 3 THEN $5::text WHEN 4 THEN $6::text ELSE $7::text END
               AND said_in(said.payload) @> said_in(job.outcome) AND said_in(job.outcome) ->> $4::text = job.job_id AS is_told
      FROM job
      LEFT JOIN every_event AS begun USING (lane_no, seq)
      LEFT JOIN LATERAL (SELECT command_id FROM every_event AS e
                          WHERE e.command_id = begun.command_id AND e.kind = 6 LIMIT 1) AS finish ON true
      LEFT JOIN LATERAL (
          SELECT e.kind, e.aggregatetype, e.type, e.occurred_at, e.payload FROM every_event AS e
           WHERE job.state IN (3, 4) AND e.command_id = finish.command_id AND e.kind = 6
          UNION ALL
          SELECT e.kind, e.aggregatetype, e.type, e.occurred_at, e.payload FROM every_event AS e
           WHERE job.state = 5 AND e.command_id = CASE WHEN pg_input_is_valid(said_in(job.outcome) ->> 'command_id', 'uuid')
                                                       THEN (said_in(job.outcome) ->> 'command_id')::uuid END AND e.kind = 1
      ) AS said ON true
     WHERE job_no >= $1 AND job_no < $2 AND job.context = $3::text
), bad AS (
    SELECT job_no, format('job %s: it has ended, and was not told so as it is', job_no) AS finding
      FROM told WHERE state >= 3 AND is_told IS NOT TRUE
    UNION ALL
    SELECT job_no, format('job %s: it was told to be at an end, and is not', job_no)
      FROM told WHERE state NOT IN (3, 4) AND has_end
)
SELECT (SELECT count(*) FROM told) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY job_no LIMIT 10) AS findings;

-- name: ended_told
-- The other way round. $6 completed, $7 failed, $8 cancelled
WITH told AS MATERIALIZED (
    SELECT e.seq, e.type,
           (job.state, job.ended_at) = (CASE e.type WHEN $6::text THEN 3 WHEN $7::text THEN 4 ELSE 5 END, e.occurred_at) AS is_so
      FROM (SELECT seq, type, occurred_at, said_in(payload) ->> $5::text AS job_id FROM every_event
             WHERE lane_no = $1 AND seq >= $2 AND seq < $3 AND aggregatetype = $4::text
               AND ((kind = 6 AND type IN ($6::text, $7::text)) OR (kind = 1 AND type = $8::text))) AS e
      LEFT JOIN job ON (job.context, job.job_id) = ($4::text, e.job_id)
), bad AS (
    SELECT seq, format('event %s of lane %s: it is %s, and the job says otherwise', seq, $1, type) AS finding
      FROM told WHERE is_so IS NOT TRUE
)
SELECT (SELECT count(*) FROM told) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;
