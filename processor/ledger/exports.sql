-- What exports of the ledger copy, a slice to a statement: stretches of a lane's seqs or of an account's entry numbers, all
-- of them below a cut, so that a slice is the same whenever it is read. `rows` are the cells of files; `sums` counts and sums
-- up the same rows by another way.
--
-- Whatever the planner takes the tables for, a slice reads nothing else: what is looked up by a key has a LIMIT, and runs of
-- one stretch of a lane are put together by a FULL JOIN, which is hashed or merged and never looped over. OFFSET 0 keeps the
-- conditions outside from making a lesser join of it.

-- name: account_below
-- A customer's account that was opened below a cut. $1 text account id, $2 integer[] lane_no, $3 bigint[] where each stood
SELECT account_no, account_id, currency, last_entry_no FROM account
 WHERE account_id = $1::text AND lane_no = 0
   AND (SELECT opened.seq < ($3::bigint[])[array_position($2::integer[], opened.lane_no)]
          FROM account_terms AS opened WHERE opened.account_no = account.account_no
         ORDER BY opened.set_at, opened.seq LIMIT 1);

-- name: lane_transactions
-- What was posted and refused in a stretch of a lane, and the holds placed in it that were open at the cut and its instant.
-- $1 lane_no, $2 first seq, $3 below, $4 and $5 the cut's lanes and seqs, $6 its instant
SELECT transaction_id, status, reason, type, csv_text(source_account_id), csv_text(destination_account_id),
       decimal_of(amount_minor, currency), currency, instant_text(initiated_at),
       CASE WHEN status IN ('POSTED', 'REVERSED') THEN decided END, decided, csv_text(description), csv_text(reference)
  FROM (SELECT *, instant_text(decided_at) AS decided FROM (
    SELECT t.seq, transaction_id,
           CASE WHEN t.refusal IS NOT NULL THEN 'FAILED' WHEN undone THEN 'REVERSED' ELSE 'POSTED' END AS status,
           t.refusal AS reason, transaction_type(t.kind) AS type, source_account_id, destination_account_id,
           t.amount_minor, t.currency, t.initiated_at, t.posted_at AS decided_at, t.description, t.reference
      FROM (
        SELECT * FROM (
            SELECT decided.*, source.account_id AS source_account_id, destination.account_id AS destination_account_id
              FROM every_transaction AS decided
              LEFT JOIN account AS source ON source.account_no = source_no AND source.lane_no = 0
              LEFT JOIN account AS destination ON destination.account_no = destination_no AND destination.lane_no = 0
             WHERE decided.lane_no = $1::integer AND seq >= $2::bigint AND seq < $3::bigint) AS decided
          FULL JOIN (
            SELECT seq, command_id AS transaction_id FROM every_event
             WHERE lane_no = $1 AND seq >= $2 AND seq < $3) AS answer USING (seq)
          FULL JOIN (
            SELECT original_seq AS seq, true AS undone FROM reversal
             WHERE original_lane_no = $1 AND original_seq >= $2 AND original_seq < $3
               AND seq < ($5::bigint[])[array_position($4::integer[], lane_no)]) AS undoing USING (seq)
        OFFSET 0) AS t
     WHERE t.kind IS NOT NULL
    UNION ALL
    SELECT placed.seq, answer.command_id, 'PENDING', hold_reason(hold.reason), 'hold.place', account.account_id, NULL,
           state.amount_minor - state.captured_minor - state.released_minor - state.expired_minor, account.currency,
           hold.placed_at, hold.placed_at, '', ''
      FROM hold_version AS placed
     CROSS JOIN LATERAL (
         SELECT reason, placed_at FROM hold
          WHERE hold.account_no = placed.account_no AND hold.hold_id = placed.hold_id
            AND hold.lane_no = placed.lane_no AND hold.seq = placed.seq LIMIT 1) AS hold
     CROSS JOIN LATERAL (SELECT account_id, currency FROM account WHERE account_no = placed.account_no LIMIT 1) AS account
     CROSS JOIN LATERAL hold_below(placed.account_no, placed.hold_id, $4::integer[], $5::bigint[]) AS state
     CROSS JOIN LATERAL (
         SELECT command_id FROM every_event AS e WHERE e.lane_no = placed.lane_no AND e.seq = placed.seq LIMIT 1) AS answer
     WHERE placed.lane_no = $1 AND placed.seq >= $2 AND placed.seq < $3
       AND state.status = 1 AND (state.expires_at IS NULL OR state.expires_at > $6::timestamptz)
     ORDER BY seq) AS ordered OFFSET 0) AS row;

-- name: lane_transactions_summed
-- $1 to $6 as above
SELECT currency, count(*) AS rows, coalesce(sum(amount_minor), 0)::numeric AS minor
  FROM (
    SELECT CASE WHEN amount_minor IS NOT NULL THEN currency END AS currency, amount_minor
      FROM every_transaction WHERE lane_no = $1::integer AND seq >= $2::bigint AND seq < $3::bigint
    UNION ALL
    SELECT account.currency, state.amount_minor - state.captured_minor - state.released_minor - state.expired_minor
      FROM hold_version AS placed
     CROSS JOIN LATERAL (
         SELECT reason, placed_at FROM hold
          WHERE hold.account_no = placed.account_no AND hold.hold_id = placed.hold_id
            AND hold.lane_no = placed.lane_no AND hold.seq = placed.seq LIMIT 1) AS hold
     CROSS JOIN LATERAL (SELECT account_id, currency FROM account WHERE account_no = placed.account_no LIMIT 1) AS account
     CROSS JOIN LATERAL hold_below(placed.account_no, placed.hold_id, $4::integer[], $5::bigint[]) AS state
     WHERE placed.lane_no = $1 AND placed.seq >= $2 AND placed.seq < $3
       AND state.status = 1 AND (state.expires_at IS NULL OR state.expires_at > $6::timestamptz)) AS counted
 GROUP BY currency;

-- name: lane_entries
-- The entries of customers' accounts that a stretch of a lane has made. Interest counts for its value date, anything else
-- for the bank's day. $1 lane_no, $2 first seq, $3 below, $4 text the bank's time zone
SELECT csv_text(account_id), entry_no, entry_type(entry_type), decimal_of(amount_minor, currency), currency,
       decimal_of(balance_after_minor, currency), coalesce(value_date, (posted_at AT TIME ZONE $4::text)::date),
       instant_text(posted_at), transaction_id, csv_text(description), csv_text(reference)
  FROM (
    SELECT e.*, CASE WHEN e.entry_type = 6 THEN (
               SELECT value_date FROM interest_posting AS p WHERE p.lane_no = $1 AND p.seq = e.seq) END AS value_date
      FROM (
        SELECT * FROM (
            SELECT posted.*, account_id, currency
              FROM every_entry AS posted
              JOIN account ON account.account_no = posted.account_no AND account.lane_no = 0
             WHERE posted.lane_no = $1::integer AND seq >= $2::bigint AND seq < $3::bigint) AS posted
          FULL JOIN (
            SELECT seq, command_id AS transaction_id FROM every_event
             WHERE lane_no = $1 AND seq >= $2 AND seq < $3) AS answer USING (seq)
          FULL JOIN (
            SELECT seq, description, reference FROM every_transaction
             WHERE lane_no = $1 AND seq >= $2 AND seq < $3) AS t USING (seq)
        OFFSET 0) AS e
     WHERE e.entry_no IS NOT NULL
     ORDER BY e.seq, e.account_no, e.entry_no) AS row;

-- name: lane_entries_summed
-- $1 to $4 as above; the zone says nothing here
SELECT currency, count(*) AS rows, coalesce(sum(amount_minor), 0)::numeric AS minor
  FROM every_entry AS e JOIN account ON account.account_no = e.account_no AND account.lane_no = 0
 WHERE e.lane_no = $1::integer AND e.seq >= $2::bigint AND e.seq < $3::bigint AND $4::text IS NOT NULL
 GROUP BY currency;

-- name: account_entries
-- An account's entries by their numbers. $1 bigint account_no, $2 first, $3 below, $4 text the bank's time zone
SELECT csv_text(account_id), entry_no, entry_type(entry_type), decimal_of(amount_minor, currency), currency,
       decimal_of(balance_after_minor, currency), coalesce(value_date, (posted_at AT TIME ZONE $4::text)::date),
       instant_text(posted_at), transaction_id, csv_text(description), csv_text(reference)
  FROM (
    SELECT e.*, account.account_id, account.currency, answer.command_id AS transaction_id, t.description, t.reference,
           CASE WHEN e.entry_type = 6 THEN (
               SELECT value_date FROM interest_posting AS p WHERE p.lane_no = e.lane_no AND p.seq = e.seq) END AS value_date
      FROM every_entry AS e
     CROSS JOIN LATERAL (SELECT account_id, currency FROM account WHERE account_no = e.account_no LIMIT 1) AS account
     CROSS JOIN LATERAL (
         SELECT command_id FROM every_event AS told WHERE told.lane_no = e.lane_no AND told.seq = e.seq LIMIT 1) AS answer
     CROSS JOIN LATERAL (
         SELECT description, reference FROM every_transaction AS t
          WHERE t.lane_no = e.lane_no AND t.seq = e.seq LIMIT 1) AS t
     WHERE e.account_no = $1::bigint AND e.entry_no >= $2::bigint AND e.entry_no < $3::bigint
     ORDER BY e.entry_no) AS row;

-- name: account_entries_summed
-- $1 to $4 as above; the zone says nothing here
SELECT (SELECT currency FROM account WHERE account_no = $1::bigint) AS currency, count(*) AS rows,
       coalesce(sum(amount_minor), 0)::numeric AS minor
  FROM every_entry WHERE account_no = $1 AND entry_no >= $2::bigint AND entry_no < $3::bigint AND $4::text IS NOT NULL
HAVING count(*) > 0;
