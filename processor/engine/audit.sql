-- What every context shares: lanes and their events. A slice is a run of one lane's events, so that no statement grows
-- old; $1 lane, $2 the first seq, $3 the seq after the last, the greatest bigint where the slice reaches the lane's end.
-- What is cold counts like what is hot: rows are read through the views of both, by keys that both have indexes for.
-- Each statement is one snapshot. A batch changes its lane and adds its events in one commit, so the end of a lane may
-- be compared with its row while the system runs.

-- name: settle_session
-- Small tables are audited before they were ever analyzed: plan for the values at hand, and sort in memory.
SET LOCAL plan_cache_mode = force_custom_plan;
SET LOCAL work_mem = '64MB';

-- name: lanes
-- Events of a lane that has no row count too. One probe of the primary key per lane instead of a scan.
WITH RECURSIVE found AS (
    SELECT min(lane_no) AS lane_no FROM every_event
    UNION ALL
    SELECT (SELECT min(e.lane_no) FROM every_event AS e WHERE e.lane_no > found.lane_no) FROM found WHERE found.lane_no IS NOT NULL
)
SELECT lane_no FROM found WHERE lane_no IS NOT NULL UNION SELECT lane_no FROM lane ORDER BY lane_no;

-- name: next_event_slice
-- Counted, never computed: a gap in seq must not make a slice larger. $3 rows
SELECT seq FROM every_event WHERE lane_no = $1 AND seq >= $2 ORDER BY seq OFFSET $3 LIMIT 1;

-- name: next_command_slice
-- $1 the first command_id, $2 rows
SELECT command_id FROM every_event WHERE kind = 1 AND command_id >= $1 ORDER BY command_id OFFSET $2 LIMIT 1;

-- name: lane_counters
-- $4 how many records the slices before this one have answered.
WITH counted AS (
    SELECT count(*) AS rows, $4::bigint + count(*) FILTER (WHERE kind IN (1, 2, 3, 5)) AS answered
      FROM every_event WHERE lane_no = $1 AND seq >= $2 AND seq < $3
), stands AS (
    SELECT l.*, counted.answered,
           coalesce((SELECT max(seq) FROM every_event WHERE lane_no = $1), 0) + 1 AS true_seq,
           coalesce((SELECT source_offset + 1 FROM every_event WHERE lane_no = $1 AND kind IN (1, 2, 3, 5)
                      ORDER BY seq DESC LIMIT 1), l.start_offset) AS true_offset
      FROM (SELECT $1::integer AS lane_no) AS asked LEFT JOIN lane AS l USING (lane_no) CROSS JOIN counted
     WHERE $3 = 9223372036854775807
), bad AS (
    SELECT format('lane %s: it has events and no row', $1) AS finding FROM stands WHERE context IS NULL
    UNION ALL
    SELECT format('lane %s: next_seq is %s, its events say %s', $1, next_seq, true_seq)
      FROM stands WHERE next_seq <> true_seq
    UNION ALL
    SELECT format('lane %s: next_offset is %s, its events say %s', $1, next_offset, true_offset)
      FROM stands WHERE next_offset <> true_offset
    UNION ALL
    SELECT format('lane %s: records is %s, its events answer %s', $1, records, answered)
      FROM stands WHERE records <> answered
)
SELECT rows AS examined, answered AS carried, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad LIMIT 10) AS findings
  FROM counted;

-- name: event_sequence
-- The event before the slice is read too, so that a gap between two slices is seen.
WITH judged AS (
    SELECT seq, before FROM (
        SELECT seq, lag(seq, 1, 0::bigint) OVER (ORDER BY seq) AS before
          FROM every_event WHERE lane_no = $1 AND seq >= $2::bigint - 1 AND seq < $3) AS read
     WHERE seq >= $2
), bad AS (
    SELECT seq, CASE WHEN before + 2 = seq THEN format('lane %s: event %s is missing', $1, before + 1)
                     ELSE format('lane %s: events %s to %s are missing', $1, before + 1, seq - 1) END AS finding
      FROM judged WHERE seq <> before + 1
    UNION ALL
    SELECT next_seq, format('lane %s: its last event is %s, and next_seq is %s', $1, last, next_seq)
      FROM lane, (SELECT coalesce(max(seq), 0) AS last FROM every_event WHERE lane_no = $1) AS tail
     WHERE lane_no = $1 AND $3 = 9223372036854775807 AND next_seq <> last + 1
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;

-- name: every_record_answered
-- A lane answers in the order of its log, so an offset answered twice stands at or below the one before it.
-- $4 how many records the slices before this one have answered.
WITH judged AS (
    SELECT seq, source_offset, lag(source_offset, 1, (
               SELECT source_offset FROM every_event WHERE lane_no = $1 AND seq < $2 AND kind IN (1, 2, 3, 5)
                ORDER BY seq DESC LIMIT 1)) OVER (ORDER BY seq) AS before
      FROM every_event WHERE lane_no = $1 AND seq >= $2 AND seq < $3 AND kind IN (1, 2, 3, 5)
), answered AS (
    SELECT count(*) AS rows, $4::bigint + count(*) AS all_rows FROM judged
), bad AS (
    SELECT seq, format('lane %s: event %s answers offset %s after %s was answered', $1, seq, source_offset, before) AS finding
      FROM judged WHERE source_offset <= before
    UNION ALL
    SELECT seq, format('lane %s: event %s answers offset %s, outside of the lane''s %s to %s',
                       $1, seq, source_offset, start_offset, next_offset - 1)
      FROM judged, lane WHERE lane_no = $1 AND (source_offset >= next_offset OR source_offset < start_offset)
    UNION ALL
    SELECT next_seq, format('lane %s: %s records were applied, %s are answered', $1, records, all_rows)
      FROM lane, answered WHERE lane_no = $1 AND $3 = 9223372036854775807 AND records <> all_rows
)
SELECT rows AS examined, all_rows AS carried, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings
  FROM answered;

-- name: one_answer_per_command
-- In the order of the ids equal ones are neighbours. $1 the first id, $2 the one after the last, null for no end.
WITH judged AS (
    SELECT command_id, lag(command_id) OVER (ORDER BY command_id) AS before
      FROM every_event WHERE kind = 1 AND command_id >= $1 AND ($2::uuid IS NULL OR command_id < $2)
), bad AS (
    SELECT command_id, count(*) + 1 AS answers FROM judged WHERE command_id = before GROUP BY command_id
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT format('command %s: it has %s answers', command_id, answers) FROM bad ORDER BY command_id LIMIT 10)
           AS findings;

-- name: repeats_have_answers
-- A repeat (2) is its answer told again, under the same id; a reuse (3) speaks of an answer, under an id of its own. An
-- end (6) ends what an answer began, under the same key and its own id, and may be told again (7).
WITH judged AS (
    SELECT told.seq, told.kind, told.command_id, answer.id IS NULL AS unanswered,
           (told.id, told.type, told.aggregateid) = (answer.id, answer.type, answer.aggregateid) AS same,
           told.id = answer.id AS same_id
      FROM every_event AS told LEFT JOIN every_event AS answer ON answer.kind = 1 AND answer.command_id = told.command_id
     WHERE told.lane_no = $1 AND told.seq >= $2 AND told.seq < $3 AND told.kind IN (2, 3)
    UNION ALL
    SELECT told.seq, told.kind, told.command_id, answer.id IS NULL,
           told.aggregateid = answer.aggregateid AND told.lane_no = answer.lane_no AND told.seq > answer.seq, told.id = answer.id
      FROM every_event AS told LEFT JOIN every_event AS answer ON answer.kind = 1 AND answer.command_id = told.command_id
     WHERE told.lane_no = $1 AND told.seq >= $2 AND told.seq < $3 AND told.kind = 6
    UNION ALL
    SELECT told.seq, told.kind, told.command_id, ending.id IS NULL,
           (told.id, told.type, told.aggregateid) = (ending.id, ending.type, ending.aggregateid), true
      FROM every_event AS told LEFT JOIN every_event AS ending ON ending.kind = 6 AND ending.command_id = told.command_id
     WHERE told.lane_no = $1 AND told.seq >= $2 AND told.seq < $3 AND told.kind = 7
), bad AS (
    SELECT seq, format('lane %s: event %s speaks of command %s, which has no answer', $1, seq, command_id) AS finding
      FROM judged WHERE unanswered
    UNION ALL
    SELECT seq, format('lane %s: event %s repeats command %s with another id, type or key', $1, seq, command_id)
      FROM judged WHERE kind = 2 AND NOT same
    UNION ALL
    SELECT seq, format('lane %s: event %s refuses the reuse of command %s under its answer''s id', $1, seq, command_id)
      FROM judged WHERE kind = 3 AND same_id
    UNION ALL
    SELECT seq, format('lane %s: event %s ends command %s, but not behind its answer and under its key', $1, seq, command_id)
      FROM judged WHERE kind = 6 AND (same_id OR NOT same)
    UNION ALL
    SELECT seq, format('lane %s: event %s repeats the end of command %s with another id, type or key', $1, seq, command_id)
      FROM judged WHERE kind = 7 AND NOT same
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;

-- name: dead_letters_kept
WITH judged AS (
    SELECT seq, dead.lane_no IS NULL AS unexpected, kept.lane_no IS NULL AS lost
      FROM (SELECT lane_no, seq FROM every_event WHERE lane_no = $1 AND seq >= $2 AND seq < $3 AND kind = 5) AS dead
      FULL JOIN (SELECT lane_no, seq FROM dead_letter WHERE lane_no = $1 AND seq >= $2 AND seq < $3) AS kept USING (seq)
), bad AS (
    SELECT seq, format('lane %s: the record of dead event %s was not kept', $1, seq) AS finding FROM judged WHERE lost
    UNION ALL
    SELECT seq, format('lane %s: a record is kept for event %s, which is not a dead one', $1, seq)
      FROM judged WHERE unexpected
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;

-- name: dead_letters_told
-- A dead letter that names a command is followed by what its sender hears of it, and nobody hears it otherwise. The two
-- are numbered side by side and committed together; either may stand in the slice beside this one.
WITH told AS (
    SELECT event.*, coalesce(position(convert_to(format('"offset":%s,"command_id":"%s"', source_offset, command_id), 'UTF8') IN payload), 0) > 0 AS fits
      FROM every_event AS event WHERE lane_no = $1 AND seq >= $2 AND seq <= $3 AND type = 'command.invalid'
), letters AS (
    SELECT dead.*, event.source_offset
      FROM dead_letter AS dead JOIN every_event AS event USING (lane_no, seq)
     WHERE dead.lane_no = $1 AND seq >= $2::bigint - 1 AND seq < $3 AND dead.command_id IS NOT NULL
), judged AS (
    SELECT letters.seq AS dead_seq, told.seq AS told_seq,
           (told.kind = 4 AND told.fits AND (told.command_id, told.source_offset) = (letters.command_id, letters.source_offset)
               AND position(convert_to('"code":"' || letters.code || '"', 'UTF8') IN told.payload) > 0) IS TRUE AS same
      FROM letters FULL JOIN told ON told.seq = letters.seq + 1
), bad AS (
    SELECT dead_seq AS seq, format('lane %s: nobody was told that dead event %s names a command', $1, dead_seq) AS finding
      FROM judged WHERE told_seq IS NULL AND dead_seq >= $2
    UNION ALL
    SELECT told_seq, format('lane %s: event %s calls a command invalid that is no dead letter', $1, told_seq)
      FROM judged WHERE dead_seq IS NULL AND told_seq < $3
    UNION ALL
    SELECT told_seq, format('lane %s: event %s says something else than dead letter %s', $1, told_seq, dead_seq)
      FROM judged WHERE NOT same AND told_seq IS NOT NULL AND dead_seq >= $2
)
SELECT (SELECT count(*) FROM judged WHERE coalesce(dead_seq, told_seq) >= $2 AND coalesce(dead_seq, told_seq) < $3) AS examined,
       (SELECT count(*) FROM bad) AS broken, ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;

-- name: relay_position
-- An event is sent after its commit, so one snapshot never shows more sent than numbered.
WITH bad AS (
    SELECT lane_no, format('lane %s: %s events are said to be sent, of %s', lane_no, sent, coalesce(next_seq - 1, 0)) AS finding
      FROM relay_position LEFT JOIN lane USING (lane_no) WHERE sent NOT BETWEEN 0 AND coalesce(next_seq - 1, 0)
)
SELECT (SELECT count(*) FROM relay_position) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY lane_no LIMIT 10) AS findings;
