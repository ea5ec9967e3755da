-- name: settle_report
-- Every read is by index, whatever the tables' statistics say or do not say yet.
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;

-- name: clock
-- By which holds have expired or have not.
SELECT partita_clock();

-- name: account_number
-- A customer's account. $1 text account id
SELECT account_no, last_entry_no FROM account WHERE account_id = $1::text AND lane_no = 0;

-- name: stamp_of
-- Where a transaction lies, by its id: through the answer to its command. $1 uuid
SELECT lane_no, seq, occurred_at FROM every_event WHERE command_id = $1::uuid AND kind = 1;

-- name: transaction_keys
-- The last transactions of each lane within a stretch of seqs, by the primary key; of posted ones only those that were not
-- reversed below the cut. What is asked by EXISTS might be answered by hashing the whole table; a value is looked up. $1 integer[] lane_no, $2 bigint[] first, $3 bigint[] below, $4 rows, $5 boolean posted only,
-- $6 and $7 the cut's lanes and seqs
SELECT found.*
  FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS stretch (lane_no, first, below) CROSS JOIN LATERAL (
      SELECT posted_at AS decided_at, lane_no, seq, seq AS place FROM every_transaction AS t
       WHERE t.lane_no = stretch.lane_no AND t.seq >= stretch.first AND t.seq < stretch.below
         AND (NOT $5::boolean OR refusal IS NULL AND (
             SELECT r.seq FROM reversal AS r WHERE r.original_lane_no = t.lane_no AND r.original_seq = t.seq
                AND r.seq < ($7::bigint[])[array_position($6::integer[], r.lane_no)]) IS NULL)
       ORDER BY t.seq DESC LIMIT $4) AS found;

-- name: refused_keys
-- The last refused transactions likewise, by an index that has no others. $1 to $4 as above, $5 text code or null
SELECT found.*
  FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS stretch (lane_no, first, below) CROSS JOIN LATERAL (
      SELECT posted_at AS decided_at, lane_no, seq, seq AS place FROM every_transaction AS t
       WHERE t.lane_no = stretch.lane_no AND t.seq >= stretch.first AND t.seq < stretch.below
         AND refusal IS NOT NULL AND ($5::text IS NULL OR refusal = $5)
       ORDER BY t.seq DESC LIMIT $4) AS found;

-- name: reversed_keys
-- The last transactions that were reversed below the cut, by the reversals' primary key. $1 to $4 as above, $5 and $6 the
-- cut's lanes and seqs
SELECT found.*
  FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS stretch (lane_no, first, below) CROSS JOIN LATERAL (
      SELECT original.posted_at AS decided_at, original.lane_no, original.seq, original.seq AS place
        FROM reversal AS r CROSS JOIN LATERAL (
            SELECT posted_at, lane_no, seq FROM every_transaction
             WHERE lane_no = r.original_lane_no AND seq = r.original_seq LIMIT 1) AS original
       WHERE r.original_lane_no = stretch.lane_no AND r.original_seq >= stretch.first AND r.original_seq < stretch.below
         AND r.seq < ($6::bigint[])[array_position($5::integer[], r.lane_no)]
       ORDER BY r.original_seq DESC LIMIT $4) AS found;

-- name: pending_keys
-- The last holds of each lane within a stretch of seqs that were open below the cut and at its instant, where they were
-- placed: the version whose stamp is the hold's. $1 to $4 as above, $5 and $6 the cut's lanes and seqs, $7 instant,
-- $8 smallint reason or null
SELECT found.*
  FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS stretch (lane_no, first, below) CROSS JOIN LATERAL (
      SELECT placed.changed_at AS decided_at, placed.lane_no, placed.seq, placed.seq AS place
        FROM hold_version AS placed
        JOIN hold USING (account_no, hold_id, lane_no, seq)
       CROSS JOIN LATERAL hold_below(placed.account_no, placed.hold_id, $5::integer[], $6::bigint[]) AS state
       WHERE placed.lane_no = stretch.lane_no AND placed.seq >= stretch.first AND placed.seq < stretch.below
         AND state.status = 1 AND (state.expires_at IS NULL OR state.expires_at > $7::timestamptz)
         AND ($8::smallint IS NULL OR hold.reason = $8)
       ORDER BY placed.seq DESC LIMIT $4) AS found;

-- name: lane_totals
-- How many rows a stretch of a lane has, and what was posted in it. $1 lane_no, $2 first, $3 below, $4 and $5 the cut's lanes
-- and seqs, $6 instant, $7 text code or null, $8 smallint reason or null
SELECT CASE WHEN refusal IS NOT NULL THEN 'FAILED' WHEN r.seq IS NOT NULL THEN 'REVERSED' ELSE 'POSTED' END AS status,
       currency, count(*) AS count, sum(amount_minor)::numeric AS sum_minor
  FROM every_transaction AS t
  LEFT JOIN reversal AS r ON r.original_lane_no = t.lane_no AND r.original_seq = t.seq
        AND r.seq < ($5::bigint[])[array_position($4::integer[], r.lane_no)]
 WHERE t.lane_no = $1 AND t.seq >= $2 AND t.seq < $3 AND ($7::text IS NULL OR refusal = $7)
 GROUP BY 1, 2
UNION ALL
SELECT 'PENDING', NULL, count(*), NULL
  FROM hold_version AS placed
  JOIN hold USING (account_no, hold_id, lane_no, seq)
 CROSS JOIN LATERAL hold_below(placed.account_no, placed.hold_id, $4::integer[], $5::bigint[]) AS state
 WHERE placed.lane_no = $1 AND placed.seq >= $2 AND placed.seq < $3
   AND state.status = 1 AND (state.expires_at IS NULL OR state.expires_at > $6::timestamptz)
   AND ($8::smallint IS NULL OR hold.reason = $8);

-- name: account_keys
-- The last transactions that have an entry on an account, within a stretch of its entries: of several entries of one
-- transaction, which follow each other, the first. $1 bigint account_no, $2 first, $3 below, $4 rows, $5 text POSTED,
-- REVERSED or null, $6 and $7 the cut's lanes and seqs
SELECT e.posted_at AS decided_at, e.lane_no, e.seq, e.entry_no AS place
  FROM every_entry AS e
 WHERE e.account_no = $1 AND e.entry_no >= $2 AND e.entry_no < $3
   AND (SELECT before.seq FROM every_entry AS before
         WHERE before.account_no = $1 AND before.entry_no = e.entry_no - 1
           AND before.lane_no = e.lane_no AND before.seq = e.seq) IS NULL
   AND ($5::text IS NULL OR ($5 = 'POSTED') = ((
       SELECT r.seq FROM reversal AS r WHERE r.original_lane_no = e.lane_no AND r.original_seq = e.seq
          AND r.seq < ($7::bigint[])[array_position($6::integer[], r.lane_no)]) IS NULL))
 ORDER BY e.entry_no DESC LIMIT $4;

-- name: account_refused_keys
-- The last refused transactions that name an account, before a place in the order of (instant, partition, seq).
-- $1 bigint account_no, $2 since, $3 the place's instant, $4 its lane's rank, $5 its seq, $6 rows, $7 text code or null,
-- $8 and $9 the cut's lanes and seqs
SELECT found.*
  FROM (
    (SELECT posted_at AS decided_at, lane_no, seq, seq AS place, array_position($8::integer[], lane_no) AS rank
       FROM every_transaction
      WHERE source_no = $1 AND refusal IS NOT NULL AND posted_at >= $2 AND posted_at <= $3
        AND (posted_at, array_position($8::integer[], lane_no), seq) < ($3::timestamptz, $4::integer, $5::bigint)
        AND seq < ($9::bigint[])[array_position($8::integer[], lane_no)] AND ($7::text IS NULL OR refusal = $7)
      ORDER BY posted_at DESC, 5 DESC, seq DESC LIMIT $6)
    UNION ALL
    (SELECT posted_at, lane_no, seq, seq, array_position($8::integer[], lane_no)
       FROM every_transaction
      WHERE destination_no = $1 AND source_no IS DISTINCT FROM $1 AND refusal IS NOT NULL
        AND posted_at >= $2 AND posted_at <= $3
        AND (posted_at, array_position($8::integer[], lane_no), seq) < ($3::timestamptz, $4::integer, $5::bigint)
        AND seq < ($9::bigint[])[array_position($8::integer[], lane_no)] AND ($7::text IS NULL OR refusal = $7)
      ORDER BY posted_at DESC, 5 DESC, seq DESC LIMIT $6)) AS found
 ORDER BY decided_at DESC, rank DESC, seq DESC LIMIT $6;

-- name: account_pending_keys
-- The last holds of an account that were open below the cut and at its instant, before a place in the order.
-- $1 bigint account_no, $2 since, $3 the place's instant, $4 its lane's rank, $5 its seq, $6 rows, $7 smallint reason or
-- null, $8 and $9 the cut's lanes and seqs, $10 instant
SELECT placed.changed_at AS decided_at, placed.lane_no, placed.seq, placed.seq AS place
  FROM hold_version AS placed
  JOIN hold USING (account_no, hold_id, lane_no, seq)
 CROSS JOIN LATERAL hold_below(placed.account_no, placed.hold_id, $8::integer[], $9::bigint[]) AS state
 WHERE placed.account_no = $1 AND placed.status = 1
   AND placed.captured_minor = 0 AND placed.released_minor = 0 AND placed.expired_minor = 0
   AND placed.changed_at >= $2 AND placed.changed_at <= $3
   AND (placed.changed_at, array_position($8::integer[], placed.lane_no), placed.seq) < ($3::timestamptz, $4::integer, $5::bigint)
   AND placed.seq < ($9::bigint[])[array_position($8::integer[], placed.lane_no)]
   AND state.status = 1 AND (state.expires_at IS NULL OR state.expires_at > $10::timestamptz)
   AND ($7::smallint IS NULL OR hold.reason = $7)
 ORDER BY placed.changed_at DESC, array_position($8::integer[], placed.lane_no) DESC, placed.seq DESC LIMIT $6;

-- name: account_totals
-- How many transactions a stretch of an account's entries has, and what they posted. $1 bigint account_no, $2 first, $3 below,
-- $4 and $5 the cut's lanes and seqs
SELECT CASE WHEN r.seq IS NOT NULL THEN 'REVERSED' ELSE 'POSTED' END AS status, posted.currency, count(*) AS count,
       sum(posted.amount_minor)::numeric AS sum_minor
  FROM every_entry AS e CROSS JOIN LATERAL (
      SELECT currency, amount_minor FROM every_transaction WHERE lane_no = e.lane_no AND seq = e.seq LIMIT 1) AS posted
  LEFT JOIN reversal AS r ON r.original_lane_no = e.lane_no AND r.original_seq = e.seq
        AND r.seq < ($5::bigint[])[array_position($4::integer[], r.lane_no)]
 WHERE e.account_no = $1 AND e.entry_no >= $2 AND e.entry_no < $3
   AND (SELECT before.seq FROM every_entry AS before
         WHERE before.account_no = $1 AND before.entry_no = e.entry_no - 1
           AND before.lane_no = e.lane_no AND before.seq = e.seq) IS NULL
 GROUP BY 1, 2;

-- name: touches
-- Whether a transaction has an entry on an account, among those of its instant. $1 bigint account_no, $2 first, $3 below,
-- $4 lane_no, $5 seq
SELECT EXISTS (SELECT FROM every_entry
                WHERE account_no = $1 AND entry_no >= $2 AND entry_no < $3 AND lane_no = $4 AND seq = $5);

-- name: transactions
-- Transactions by their stamps, as the cut knows them. LIMIT keeps the planner from turning the look-ups into joins over
-- whole tables. $1 integer[] lane_no, $2 bigint[] seq, $3 and $4 the cut's lanes and seqs
SELECT t.*, answer.command_id, source.account_id AS source_id, destination.account_id AS destination_id,
       (SELECT r.seq FROM reversal AS r WHERE r.original_lane_no = stamp.lane_no AND r.original_seq = stamp.seq
           AND r.seq < ($4::bigint[])[array_position($3::integer[], r.lane_no)]) IS NOT NULL AS reversed
  FROM unnest($1::integer[], $2::bigint[]) AS stamp (lane_no, seq)
 CROSS JOIN LATERAL (SELECT * FROM every_transaction WHERE lane_no = stamp.lane_no AND seq = stamp.seq LIMIT 1) AS t
 CROSS JOIN LATERAL (SELECT command_id FROM every_event WHERE lane_no = stamp.lane_no AND seq = stamp.seq LIMIT 1) AS answer
  LEFT JOIN LATERAL (SELECT account_id FROM account WHERE account_no = t.source_no AND lane_no = 0 LIMIT 1) AS source ON true
  LEFT JOIN LATERAL (
      SELECT account_id FROM account WHERE account_no = t.destination_no AND lane_no = 0 LIMIT 1) AS destination ON true;

-- name: pending
-- Holds by the stamps under which they were placed, as they stood below the cut. $1 integer[] lane_no, $2 bigint[] seq,
-- $3 and $4 the cut's lanes and seqs
SELECT state.*, stamp.lane_no AS placed_lane_no, stamp.seq AS placed_seq, hold.reason, hold.placed_at, account.account_id,
       account.currency, answer.command_id
  FROM unnest($1::integer[], $2::bigint[]) AS stamp (lane_no, seq)
 CROSS JOIN LATERAL (
     SELECT account_no, hold_id FROM hold_version WHERE lane_no = stamp.lane_no AND seq = stamp.seq LIMIT 1) AS placed
 CROSS JOIN LATERAL hold_below(placed.account_no, placed.hold_id, $3::integer[], $4::bigint[]) AS state
  JOIN hold ON hold.account_no = placed.account_no AND hold.hold_id = placed.hold_id
        AND hold.lane_no = stamp.lane_no AND hold.seq = stamp.seq
  JOIN account ON account.account_no = placed.account_no
 CROSS JOIN LATERAL (SELECT command_id FROM every_event WHERE lane_no = stamp.lane_no AND seq = stamp.seq LIMIT 1) AS answer;
