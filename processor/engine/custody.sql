-- name: add_custody
-- A row for each lane that has none yet; nobody holds it. $1 context, $2 integer[] partitions
INSERT INTO custody (lane_no) SELECT lane_no FROM lane WHERE context = $1 AND partition = ANY($2::integer[])
ON CONFLICT DO NOTHING;

-- name: take_up
-- Who finds another's name finds a run that has not let go. It says nothing of a lane that has nothing more to read. What
-- that run had in hand began at the fence, held no more than a batch, and lay in the log: the next suspect place. A try
-- that ended with it counts against the record, unless the server was started since: then its end may have been ours.
-- Custody is locked and the lane only read, or who takes over from a frozen worker would wait for its batch.
-- $1 context, $2 this run, $3 integer[] partitions, $4 bigint[] ends of their logs, $5 records of a batch, at most
WITH found AS (
    SELECT custody.lane_no, partition, next_offset, least(next_offset + $5::bigint, ends_at) AS in_hand_until,
           coalesce(holder <> $2, false) AND next_offset < ends_at AS is_unclean,
           coalesce(trial_offset >= next_offset AND trial_began_at > pg_postmaster_start_time(), false) AS was_on_trial
      FROM custody JOIN lane USING (lane_no)
      JOIN unnest($3::integer[], $4::bigint[]) AS log (partition, ends_at) USING (partition)
     WHERE context = $1 ORDER BY custody.lane_no FOR UPDATE OF custody
)
UPDATE custody SET
       holder = $2,
       unclean_ends = CASE WHEN NOT is_unclean THEN unclean_ends
                           WHEN next_offset < suspect_until THEN unclean_ends + 1 ELSE 1 END,
       suspect_until = CASE WHEN is_unclean AND NOT was_on_trial THEN greatest(suspect_until, in_hand_until)
                            ELSE suspect_until END,
       trial_deaths = trial_deaths + (is_unclean AND was_on_trial)::integer,
       trial_began_at = NULL
  FROM found WHERE custody.lane_no = found.lane_no
RETURNING custody.lane_no, partition, next_offset, suspect_until, unclean_ends, trial_offset, trial_deaths;

-- name: let_go
-- A run that has been succeeded has nothing to let go. $1 the run
UPDATE custody SET holder = NULL, trial_began_at = NULL WHERE holder = $1;

-- name: begin_trial
-- Committed before the record is looked at. Only the end of our process matters to it, so nobody waits for the disk.
-- $1 lane_no, $2 the run, $3 offset
UPDATE custody SET
       trial_deaths = CASE WHEN trial_offset = $3 THEN trial_deaths ELSE 0 END,
       trial_offset = $3,
       trial_began_at = clock_timestamp()
  FROM (SELECT set_config('synchronous_commit', 'off', true) AS synchronous_commit) AS unhurried
 WHERE lane_no = $1 AND holder = $2 AND synchronous_commit = 'off'
RETURNING trial_deaths;

-- name: withdraw_trial
-- What comes now is not the record's doing. $1 lane_no, $2 the run
UPDATE custody SET trial_began_at = NULL
  FROM (SELECT set_config('synchronous_commit', 'off', true) AS synchronous_commit) AS unhurried
 WHERE lane_no = $1 AND holder = $2 AND synchronous_commit = 'off';
