-- The ledger's tables that move, as the engine says it of events: $1 integer[] lane_no, $2 bigint[] what is stamped below
-- goes, $3 the first row's place, $4 the place after the last. An account's entries are stamped by several lanes; those of
-- a lane that lags behind stay a while longer, so reads of old entries ask for every one of them.

-- name: move_transactions
WITH gone AS (
    DELETE FROM transaction AS t USING unnest($1::integer[], $2::bigint[]) AS cold (lane_no, seq)
     WHERE t.ctid >= $3::tid AND t.ctid < $4::tid AND t.lane_no = cold.lane_no AND t.seq < cold.seq
    RETURNING t.*
)
INSERT INTO cold.transaction SELECT * FROM gone;

-- name: move_batch_legs
WITH gone AS (
    DELETE FROM batch_leg AS leg USING unnest($1::integer[], $2::bigint[]) AS cold (lane_no, seq)
     WHERE leg.ctid >= $3::tid AND leg.ctid < $4::tid AND leg.lane_no = cold.lane_no AND leg.seq < cold.seq
    RETURNING leg.*
)
INSERT INTO cold.batch_leg SELECT * FROM gone;

-- name: move_side_legs
WITH gone AS (
    DELETE FROM side_leg AS leg USING unnest($1::integer[], $2::bigint[]) AS cold (lane_no, seq)
     WHERE leg.ctid >= $3::tid AND leg.ctid < $4::tid AND leg.lane_no = cold.lane_no AND leg.seq < cold.seq
    RETURNING leg.*
)
INSERT INTO cold.side_leg SELECT * FROM gone;

-- name: move_entries
WITH gone AS (
    DELETE FROM entry USING unnest($1::integer[], $2::bigint[]) AS cold (lane_no, seq)
     WHERE entry.ctid >= $3::tid AND entry.ctid < $4::tid AND entry.lane_no = cold.lane_no AND entry.seq < cold.seq
    RETURNING entry.*
)
INSERT INTO cold.entry SELECT * FROM gone;

-- name: tidy_transactions
-- As of events: pages are used again, and none is given back.
VACUUM (TRUNCATE off, ANALYZE) transaction;

-- name: tidy_batch_legs
VACUUM (TRUNCATE off, ANALYZE) batch_leg;

-- name: tidy_side_legs
VACUUM (TRUNCATE off, ANALYZE) side_leg;

-- name: tidy_entries
VACUUM (TRUNCATE off, ANALYZE) entry;

-- name: survey_transactions
-- As of events: plans are made for what lies there now.
ANALYZE cold.transaction;

-- name: survey_batch_legs
ANALYZE cold.batch_leg;

-- name: survey_side_legs
ANALYZE cold.side_leg;

-- name: survey_entries
ANALYZE cold.entry;
