-- What an export of one account's transactions copies: what has an entry on it, what was refused and names it, and what is
-- held of it, by windows of time that are cut where any of the three has many rows.

-- name: account_marks
-- Instants between which an account has no more than some rows of each sort, but for those of one instant. Rows above the
-- cut move a mark and nothing else. $1 bigint account_no, $2 and $3 entries from and below, $4 and $5 instants from and
-- before, $6 rows
SELECT DISTINCT posted_at FROM (
    SELECT e.posted_at
      FROM generate_series($2::bigint + $6::integer, $3::bigint - 1, $6) AS marked (entry_no) CROSS JOIN LATERAL (
          SELECT posted_at FROM every_entry WHERE account_no = $1::bigint AND entry_no = marked.entry_no LIMIT 1) AS e
    UNION ALL
    SELECT posted_at
      FROM (SELECT posted_at, row_number() OVER (ORDER BY posted_at) AS place FROM every_transaction
             WHERE source_no = $1 AND refusal IS NOT NULL AND posted_at >= $4::timestamptz AND posted_at < $5::timestamptz) AS refused
     WHERE place % $6 = 0
    UNION ALL
    SELECT posted_at
      FROM (SELECT posted_at, row_number() OVER (ORDER BY posted_at) AS place FROM every_transaction
             WHERE destination_no = $1 AND refusal IS NOT NULL AND posted_at >= $4 AND posted_at < $5) AS refused
     WHERE place % $6 = 0
    UNION ALL
    SELECT changed_at
      FROM (SELECT changed_at, row_number() OVER (ORDER BY changed_at) AS place FROM hold_version
             WHERE account_no = $1 AND status = 1 AND captured_minor = 0 AND released_minor = 0 AND expired_minor = 0
               AND changed_at >= $4 AND changed_at < $5) AS placed
     WHERE place % $6 = 0) AS marked
 WHERE posted_at > $4 AND posted_at < $5 ORDER BY posted_at;

-- name: account_transactions
-- What an account has a part in within a window, in the order of decisions: (instant, partition, seq). Of several entries of
-- one transaction, which follow each other, the first stands for it. $1 bigint account_no, $2 first entry, $3 below,
-- $4 instant from, $5 before, $6 and $7 the cut's lanes and seqs, $8 its instant
SELECT transaction_id, status, reason, type, csv_text(source_account_id), csv_text(destination_account_id),
       decimal_of(amount_minor, currency), currency, instant_text(initiated_at),
       CASE WHEN status IN ('POSTED', 'REVERSED') THEN instant_text(decided_at) END, instant_text(decided_at),
       csv_text(description), csv_text(reference)
  FROM (
    SELECT array_position($6::integer[], t.lane_no) AS rank, t.seq, answer.command_id AS transaction_id,
           CASE WHEN t.refusal IS NOT NULL THEN 'FAILED'
                WHEN (SELECT r.seq FROM reversal AS r WHERE r.original_lane_no = t.lane_no AND r.original_seq = t.seq
                         AND r.seq < ($7::bigint[])[array_position($6::integer[], r.lane_no)]) IS NULL THEN 'POSTED'
                ELSE 'REVERSED' END AS status,
           t.refusal AS reason, transaction_type(t.kind) AS type,
           source.account_id AS source_account_id, destination.account_id AS destination_account_id,
           t.amount_minor, t.currency, t.initiated_at, t.posted_at AS decided_at, t.description, t.reference
      FROM (
        SELECT e.lane_no, e.seq FROM every_entry AS e
         WHERE e.account_no = $1::bigint AND e.entry_no >= $2::bigint AND e.entry_no < $3::bigint
           AND (SELECT before.seq FROM every_entry AS before
                 WHERE before.account_no = $1 AND before.entry_no = e.entry_no - 1
                   AND before.lane_no = e.lane_no AND before.seq = e.seq) IS NULL
        UNION ALL
        SELECT lane_no, seq FROM every_transaction
         WHERE source_no = $1 AND refusal IS NOT NULL AND posted_at >= $4::timestamptz AND posted_at < $5::timestamptz
           AND seq < ($7::bigint[])[array_position($6::integer[], lane_no)]
        UNION ALL
        SELECT lane_no, seq FROM every_transaction
         WHERE destination_no = $1 AND source_no IS DISTINCT FROM $1 AND refusal IS NOT NULL
           AND posted_at >= $4 AND posted_at < $5 AND seq < ($7::bigint[])[array_position($6::integer[], lane_no)]) AS stamp
     CROSS JOIN LATERAL (
         SELECT * FROM every_transaction WHERE lane_no = stamp.lane_no AND seq = stamp.seq LIMIT 1) AS t
     CROSS JOIN LATERAL (
         SELECT command_id FROM every_event AS e WHERE e.lane_no = t.lane_no AND e.seq = t.seq LIMIT 1) AS answer
      LEFT JOIN LATERAL (
          SELECT account_id FROM account WHERE account_no = t.source_no AND lane_no = 0 LIMIT 1) AS source ON true
      LEFT JOIN LATERAL (
          SELECT account_id FROM account WHERE account_no = t.destination_no AND lane_no = 0 LIMIT 1) AS destination ON true
    UNION ALL
    SELECT array_position($6::integer[], placed.lane_no), placed.seq, answer.command_id, 'PENDING', hold_reason(hold.reason), 'hold.place',
           account.account_id, NULL,
           state.amount_minor - state.captured_minor - state.released_minor - state.expired_minor, account.currency,
           hold.placed_at, hold.placed_at, '', ''
      FROM hold_version AS placed
     CROSS JOIN LATERAL (
         SELECT reason, placed_at FROM hold
          WHERE hold.account_no = placed.account_no AND hold.hold_id = placed.hold_id
            AND hold.lane_no = placed.lane_no AND hold.seq = placed.seq LIMIT 1) AS hold
     CROSS JOIN LATERAL (SELECT account_id, currency FROM account WHERE account_no = placed.account_no LIMIT 1) AS account
     CROSS JOIN LATERAL hold_below(placed.account_no, placed.hold_id, $6::integer[], $7::bigint[]) AS state
     CROSS JOIN LATERAL (
         SELECT command_id FROM every_event AS e WHERE e.lane_no = placed.lane_no AND e.seq = placed.seq LIMIT 1) AS answer
     WHERE placed.account_no = $1 AND placed.status = 1
       AND placed.captured_minor = 0 AND placed.released_minor = 0 AND placed.expired_minor = 0
       AND placed.changed_at >= $4 AND placed.changed_at < $5
       AND placed.seq < ($7::bigint[])[array_position($6::integer[], placed.lane_no)]
       AND state.status = 1 AND (state.expires_at IS NULL OR state.expires_at > $8::timestamptz)
     ORDER BY decided_at, rank, seq) AS row;

-- name: account_transactions_summed
-- $1 to $8 as above
SELECT currency, count(*) AS rows, coalesce(sum(amount_minor), 0)::numeric AS minor
  FROM (
    SELECT posted.currency, posted.amount_minor
      FROM every_entry AS e CROSS JOIN LATERAL (
          SELECT currency, amount_minor FROM every_transaction WHERE lane_no = e.lane_no AND seq = e.seq LIMIT 1) AS posted
     WHERE e.account_no = $1::bigint AND e.entry_no >= $2::bigint AND e.entry_no < $3::bigint
       AND (SELECT before.seq FROM every_entry AS before
             WHERE before.account_no = $1 AND before.entry_no = e.entry_no - 1
               AND before.lane_no = e.lane_no AND before.seq = e.seq) IS NULL
    UNION ALL
    SELECT CASE WHEN amount_minor IS NOT NULL THEN currency END, amount_minor FROM every_transaction
     WHERE source_no = $1 AND refusal IS NOT NULL AND posted_at >= $4::timestamptz AND posted_at < $5::timestamptz
       AND seq < ($7::bigint[])[array_position($6::integer[], lane_no)]
    UNION ALL
    SELECT CASE WHEN amount_minor IS NOT NULL THEN currency END, amount_minor FROM every_transaction
     WHERE destination_no = $1 AND source_no IS DISTINCT FROM $1 AND refusal IS NOT NULL
       AND posted_at >= $4 AND posted_at < $5 AND seq < ($7::bigint[])[array_position($6::integer[], lane_no)]
    UNION ALL
    SELECT account.currency, state.amount_minor - state.captured_minor - state.released_minor - state.expired_minor
      FROM hold_version AS placed
     CROSS JOIN LATERAL (
         SELECT reason, placed_at FROM hold
          WHERE hold.account_no = placed.account_no AND hold.hold_id = placed.hold_id
            AND hold.lane_no = placed.lane_no AND hold.seq = placed.seq LIMIT 1) AS hold
     CROSS JOIN LATERAL (SELECT account_id, currency FROM account WHERE account_no = placed.account_no LIMIT 1) AS account
     CROSS JOIN LATERAL hold_below(placed.account_no, placed.hold_id, $6::integer[], $7::bigint[]) AS state
     WHERE placed.account_no = $1 AND placed.status = 1
       AND placed.captured_minor = 0 AND placed.released_minor = 0 AND placed.expired_minor = 0
       AND placed.changed_at >= $4 AND placed.changed_at < $5
       AND placed.seq < ($7::bigint[])[array_position($6::integer[], placed.lane_no)]
       AND state.status = 1 AND (state.expires_at IS NULL OR state.expires_at > $8::timestamptz)) AS counted
 GROUP BY currency;
