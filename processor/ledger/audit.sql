-- What the ledger promises. Three ways to cut, each statement one snapshot of running books:
--   entries       $1 account, $2 entry_no: the first; $3, $4: the one after the last. An account's end (its row is
--                 compared with its last entry) belongs to the slice in which its entries end: account_no < $3.
--   times         $1 (null: from the beginning) <= posted_at < $2 (null: no end). All rows of a transaction carry one
--                 instant, so none is ever cut in two.
--   lanes         as in the engine: $1 lane, $2 the first seq, $3 the seq after the last.

-- name: next_entry_slice
-- Counted over entries and over accounts, which may have none. $3 rows
SELECT account_no, entry_no FROM (
    (SELECT account_no, entry_no FROM every_entry WHERE (account_no, entry_no) >= ($1::bigint, $2::bigint)
      ORDER BY account_no, entry_no OFFSET $3 LIMIT 1)
    UNION ALL
    (SELECT account_no, 1 FROM account WHERE account_no > $1 ORDER BY account_no OFFSET $3 LIMIT 1)) AS ends
 ORDER BY account_no, entry_no LIMIT 1;

-- name: entry_pages
SELECT (pg_relation_size('entry') + pg_relation_size('cold.entry')) / current_setting('block_size')::integer;

-- name: time_cuts
-- Instants that part the entries into about equal runs, from a sample of pages. $1 percent, $2 fractions
SELECT DISTINCT cut FROM unnest((
    SELECT percentile_disc($2::float8[]) WITHIN GROUP (ORDER BY posted_at) FROM (
        SELECT posted_at FROM entry TABLESAMPLE SYSTEM ($1)
        UNION ALL
        SELECT posted_at FROM cold.entry TABLESAMPLE SYSTEM ($1)) AS sampled)) AS cut
 WHERE cut IS NOT NULL ORDER BY cut;

-- name: account_balance
-- A slice may hold only a part of an account: what it held before is the balance after the entry before the slice.
-- A number that stands twice is for entry_numbers to find; here it must not end the audit, hence the LIMIT.
WITH sums AS (
    SELECT account_no, sum(amount_minor) AS total, max(entry_no) AS last_no
      FROM every_entry WHERE (account_no, entry_no) >= ($1::bigint, $2::bigint) AND (account_no, entry_no) < ($3::bigint, $4::bigint)
     GROUP BY account_no
), rows AS (
    SELECT account_no, account_id, ledger_minor FROM account WHERE account_no >= $1 AND account_no < $3
), judged AS (
    SELECT account_no, rows.account_id, rows.ledger_minor,
           (SELECT e.balance_after_minor FROM every_entry AS e WHERE e.account_no = sums.account_no AND e.entry_no = last_no LIMIT 1)
               AS balance_after_minor,
           coalesce(total, 0) + CASE WHEN account_no = $1 THEN coalesce((
               SELECT balance_after_minor FROM every_entry WHERE account_no = $1 AND entry_no < $2
                ORDER BY entry_no DESC LIMIT 1), 0) ELSE 0 END AS true_minor
      FROM rows FULL JOIN sums USING (account_no)
), bad AS (
    SELECT account_no, format('account %s (%s): its balance is %s, its entries sum to %s',
                              account_no, account_id, ledger_minor, true_minor) AS finding
      FROM judged WHERE ledger_minor <> true_minor
    UNION ALL
    SELECT account_no, format('account %s (%s): the balance after its last entry is %s, its entries sum to %s',
                              account_no, account_id, balance_after_minor, true_minor)
      FROM judged WHERE balance_after_minor <> true_minor
)
SELECT (SELECT count(*) FROM rows) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no LIMIT 10) AS findings;

-- name: account_available
-- What an account's row counts as held is what was not past its expiry when the account was last decided on; each hold
-- says of itself whether it is counted, and the row when the next will not be.
WITH held AS (
    SELECT h.account_no, h.hold_id, h.status, h.lapsed, h.expires_at, a.decided_at,
           h.amount_minor - h.captured_minor - h.released_minor - h.expired_minor AS remaining_minor,
           h.status = 1 AND (h.expires_at > a.decided_at) IS NOT FALSE AS counts
      FROM hold AS h LEFT JOIN account AS a USING (account_no)
     WHERE h.account_no >= $1 AND h.account_no < $3 AND ($2::bigint, $4::bigint) IS NOT NULL
), sums AS (
    SELECT account_no, sum(remaining_minor) AS held_minor, min(expires_at) AS next_expiry
      FROM held WHERE counts GROUP BY account_no
), judged AS (
    SELECT account_no, account_id, available_minor, ledger_minor - coalesce(held_minor, 0) AS true_minor, hold_expiry,
           next_expiry
      FROM account LEFT JOIN sums USING (account_no) WHERE account_no >= $1 AND account_no < $3
), bad AS (
    SELECT account_no, format('account %s (%s): available is %s, balance less open holds is %s',
                              account_no, account_id, available_minor, true_minor) AS finding
      FROM judged WHERE available_minor <> true_minor
    UNION ALL
    SELECT account_no, format('account %s (%s): a hold expires at %s, and the account knows of none before %s',
                              account_no, account_id, next_expiry, coalesce(hold_expiry::text, 'the end of time'))
      FROM judged WHERE next_expiry < coalesce(hold_expiry, 'infinity')
    UNION ALL
    SELECT account_no, format('account %s: hold %s expires at %s and %s, decided on at %s', account_no, hold_id,
                              coalesce(expires_at::text, 'no time'), CASE WHEN lapsed THEN 'does not count' ELSE 'counts' END,
                              decided_at)
      FROM held WHERE lapsed <> (status = 4 OR status = 1 AND NOT counts)
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no LIMIT 10) AS findings;

-- name: balance_floor
-- What an account had available after each entry, hold and change of its limit, told again in the order of decisions: by
-- instant, partition and number. A hold is set aside until its next version, or until it expires, which comes before
-- anything decided at that instant. House accounts have no floor: cash that was paid in is owed by the world outside.
--   at or above the limit    the own debits of a transfer, withdrawal or batch, unless the next entry is what was missing,
--                            from a protector; their fees, where the product keeps them within the limit; a hold that is
--                            placed or raised, unless it is LEGAL; the balance, whatever is held, when a limit is set
--   at or above zero         what a reversal takes back, what a protector gives, what a closing account pays out
--   anywhere                 captures, settlements, refunds, and other fees
-- An account may be cut in two: what happens between two entries belongs to the slice of the first. So one entry more is
-- read on either side, and balances begin with the first that is read.
WITH named AS (
    SELECT account_no, account_id FROM account WHERE account_no >= $1 AND account_no <= $3 AND account_type <> 0
), posted AS (
    SELECT account_no, posted_at, partition, lane_no, seq, entry_no, entry_type, amount_minor,
           balance_after_minor - lag(balance_after_minor, 1, 0::bigint) OVER w AS step_minor,
           CASE WHEN lead(lane_no) OVER w = lane_no AND lead(seq) OVER w = seq AND lead(entry_type) OVER w = 3
                THEN lead(amount_minor) OVER w END AS cover_minor
      FROM every_entry JOIN named USING (account_no) LEFT JOIN lane USING (lane_no)
     WHERE (account_no, entry_no) >= ($1::bigint, $2::bigint - 1) AND (account_no, entry_no) <= ($3::bigint, $4::bigint)
    WINDOW w AS (PARTITION BY account_no ORDER BY entry_no)
), versions AS (
    SELECT account_no, hold_id, changed_at, partition, lane_no, seq, expires_at, left_minor,
           lead(changed_at) OVER w AS next_at, CASE WHEN lag(expires_at) OVER w <= changed_at THEN 0
               ELSE lag(left_minor, 1, 0::bigint) OVER w END AS before_minor
      FROM (SELECT *, amount_minor - captured_minor - released_minor - expired_minor AS left_minor FROM hold_version
             WHERE account_no >= $1 AND account_no <= $3) AS v
      JOIN named USING (account_no) LEFT JOIN lane USING (lane_no)
    WINDOW w AS (PARTITION BY account_no, hold_id ORDER BY changed_at, partition, seq)
), limits AS (
    SELECT account_no, set_at, partition, lane_no, seq,
           overdraft_limit_minor - lag(overdraft_limit_minor, 1, 0::bigint) OVER (
               PARTITION BY account_no ORDER BY set_at, partition, seq) AS more_minor
      FROM account_terms JOIN named USING (account_no) LEFT JOIN lane USING (lane_no)
     WHERE account_no >= $1 AND account_no <= $3
), moments AS (
    SELECT account_no, posted_at AS at, partition, lane_no, seq, entry_no, step_minor, 0::bigint AS held_minor,
           0::bigint AS limit_minor, NULL AS hold_id, entry_type, amount_minor, cover_minor FROM posted
    UNION ALL
    SELECT account_no, changed_at, partition, lane_no, seq, 0, 0, left_minor - before_minor, 0, hold_id, NULL, NULL, NULL
      FROM versions
    UNION ALL
    SELECT account_no, expires_at, -1, 0, 0, 0, 0, -left_minor, 0, hold_id, NULL, NULL, NULL
      FROM versions WHERE left_minor > 0 AND expires_at <= coalesce(next_at, 'infinity')
    UNION ALL
    SELECT account_no, set_at, partition, lane_no, seq, 0, 0, 0, more_minor, NULL, NULL, NULL, NULL FROM limits
), told AS (
    SELECT moments.*, sum(step_minor) OVER w - sum(held_minor) OVER w AS available_minor,
           sum(held_minor) OVER w AS aside_minor, -sum(limit_minor) OVER w AS floor_minor,
           coalesce(max(nullif(entry_no, 0)) OVER w, 1) AS last_no
      FROM moments WINDOW w AS (PARTITION BY account_no ORDER BY at, partition, seq, entry_no ROWS UNBOUNDED PRECEDING)
), judged AS (
    SELECT *, -amount_minor - greatest(0, available_minor - amount_minor) AS missing_minor
      FROM told WHERE (account_no, last_no) >= ($1, $2) AND (account_no, last_no) < ($3, $4)
), low AS (
    SELECT judged.*, CASE
               WHEN hold_id IS NOT NULL THEN (
                   SELECT floor_minor FROM hold
                    WHERE hold.account_no = judged.account_no AND hold.hold_id = judged.hold_id AND reason <> 3)
               WHEN entry_no = 0 THEN floor_minor - aside_minor
               WHEN kind IS NULL OR kind IN (7, 8, 9) THEN NULL
               WHEN entry_type = 5 THEN CASE WHEN EXISTS (
                   SELECT FROM overdraft_fee AS fee JOIN product_version USING (product, product_version)
                    WHERE (fee.lane_no, fee.seq, fee.account_no) = (judged.lane_no, judged.seq, judged.account_no)
                      AND NOT fee_may_exceed_limit) THEN floor_minor END
               WHEN kind IN (1, 3) AND source_no = account_no THEN floor_minor
               WHEN EXISTS (
                   SELECT FROM every_batch_leg AS leg
                    WHERE (leg.lane_no, leg.seq, leg.source_no, leg.amount_minor)
                        = (judged.lane_no, judged.seq, judged.account_no, -judged.amount_minor)) THEN floor_minor
               ELSE 0 END AS least_minor
      FROM judged LEFT JOIN every_transaction AS t ON judged.entry_no > 0 AND t.lane_no = judged.lane_no AND t.seq = judged.seq
     WHERE available_minor < 0 AND (judged.amount_minor < 0 OR held_minor > 0 OR limit_minor <> 0)
), bad AS (
    SELECT account_no, last_no, format('account %s (%s): %s at %s left %s available, with a limit of %s', account_no,
               account_id, CASE WHEN hold_id IS NOT NULL THEN 'hold ' || hold_id
                                WHEN entry_no = 0 THEN 'its limit' ELSE 'entry ' || entry_no END,
               at, available_minor, -floor_minor) AS finding
      FROM low JOIN named USING (account_no)
     WHERE available_minor < least_minor AND NOT EXISTS (
               SELECT FROM every_side_leg AS side
                WHERE (side.lane_no, side.seq, side.kind, side.destination_no, side.amount_minor)
                    = (low.lane_no, low.seq, 1, low.account_no, cover_minor) AND cover_minor = missing_minor)
    UNION ALL
    SELECT account_no, entry_no, format('account %s (%s): entry %s was short of %s, and %s stepped in',
                                        account_no, account_id, entry_no, missing_minor, cover_minor)
      FROM judged JOIN named USING (account_no) JOIN every_transaction AS t USING (lane_no, seq)
     WHERE judged.amount_minor < 0 AND cover_minor <> missing_minor AND kind IN (1, 3)
    UNION ALL
    SELECT account_no, 0, format('account %s (%s): it is closed with a balance of %s and %s available',
                                 account_no, account_id, ledger_minor, available_minor)
      FROM account
     WHERE account_no >= $1 AND account_no < $3 AND status = 3 AND (ledger_minor, available_minor) <> (0, 0)
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no, last_no LIMIT 10) AS findings;

-- name: entry_numbers
-- The entry before the slice is read too, so that a gap between two slices is seen.
WITH judged AS (
    SELECT account_no, entry_no, before, posted_at < posted_before AS is_early FROM (
        SELECT account_no, entry_no, posted_at, lag(entry_no, 1, 0::bigint) OVER w AS before, lag(posted_at) OVER w AS posted_before
          FROM every_entry WHERE (account_no, entry_no) >= ($1::bigint, $2::bigint - 1)
                       AND (account_no, entry_no) < ($3::bigint, $4::bigint)
        WINDOW w AS (PARTITION BY account_no ORDER BY entry_no)) AS read
     WHERE (account_no, entry_no) >= ($1, $2)
), tails AS (
    SELECT account_no, account_id, last_entry_no,
           coalesce((SELECT max(entry_no) FROM every_entry AS entry WHERE entry.account_no = account.account_no), 0) AS found
      FROM account WHERE account_no >= $1 AND account_no < $3
), bad AS (
    SELECT account_no, entry_no, format('account %s (%s): entry %s follows entry %s', account_no, account_id, entry_no, before) AS finding
      FROM judged LEFT JOIN account USING (account_no) WHERE entry_no <> before + 1
    UNION ALL
    SELECT account_no, entry_no, format('account %s (%s): entry %s was posted before entry %s', account_no, account_id, entry_no, before)
      FROM judged LEFT JOIN account USING (account_no) WHERE is_early
    UNION ALL
    SELECT account_no, found, format('account %s (%s): its last entry is %s, last_entry_no is %s', account_no, account_id, found, last_entry_no)
      FROM tails WHERE found <> last_entry_no
    UNION ALL
    SELECT account_no, entry_no, format('account %s: entry %s belongs to no account', account_no, entry_no)
      FROM judged LEFT JOIN account USING (account_no) WHERE account_id IS NULL
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no, entry_no LIMIT 10) AS findings;

-- name: entry_chain
-- The hash covers the hash before it and the row, all numbers big-endian as the protocol sends them.
WITH judged AS (
    SELECT account_no, entry_no, hash = true_hash AS fits FROM (
        SELECT account_no, entry_no, hash, sha256(
                   lag(hash, 1, decode(repeat('00', 32), 'hex')) OVER (PARTITION BY account_no ORDER BY entry_no)
                   || int8send(account_no) || int8send(entry_no) || int4send(lane_no) || int8send(seq) || int2send(entry_type)
                   || int8send(amount_minor) || int8send(balance_after_minor) || timestamptz_send(posted_at)) AS true_hash
          FROM every_entry WHERE (account_no, entry_no) >= ($1::bigint, $2::bigint - 1)
                       AND (account_no, entry_no) < ($3::bigint, $4::bigint)) AS read
     WHERE (account_no, entry_no) >= ($1, $2)
), tails AS (
    SELECT account_no, account_id, chain, coalesce((
               SELECT hash FROM every_entry AS entry WHERE entry.account_no = account.account_no ORDER BY entry_no DESC LIMIT 1),
               decode(repeat('00', 32), 'hex')) AS true_chain
      FROM account WHERE account_no >= $1 AND account_no < $3
), bad AS (
    SELECT account_no, entry_no, format('account %s (%s): the hash of entry %s does not fit it and the entry before',
                                        account_no, account_id, entry_no) AS finding
      FROM judged LEFT JOIN account USING (account_no) WHERE NOT fits
    UNION ALL
    SELECT account_no, 0, format('account %s (%s): its chain does not end with the hash of its last entry', account_no, account_id)
      FROM tails WHERE chain <> true_chain
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no, entry_no LIMIT 10) AS findings;

-- name: running_balance
WITH judged AS (
    SELECT account_no, entry_no, amount_minor, balance_after_minor, before FROM (
        SELECT account_no, entry_no, amount_minor, balance_after_minor,
               lag(balance_after_minor, 1, 0::bigint) OVER (PARTITION BY account_no ORDER BY entry_no) AS before
          FROM every_entry WHERE (account_no, entry_no) >= ($1::bigint, $2::bigint - 1)
                       AND (account_no, entry_no) < ($3::bigint, $4::bigint)) AS read
     WHERE (account_no, entry_no) >= ($1, $2)
), bad AS (
    SELECT account_no, entry_no, format('account %s (%s): entry %s of %s takes the balance from %s to %s', account_no,
                                        account_id, entry_no, amount_minor, before, balance_after_minor) AS finding
      FROM judged LEFT JOIN account USING (account_no) WHERE balance_after_minor <> before + amount_minor
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no, entry_no LIMIT 10) AS findings;

-- name: transaction_balance
WITH judged AS (
    SELECT e.lane_no, e.seq, sum(e.amount_minor) AS total, min(a.currency) AS lowest, max(a.currency) AS highest
      FROM every_entry AS e LEFT JOIN account AS a USING (account_no)
     WHERE e.posted_at >= coalesce($1::timestamptz, '-infinity') AND ($2::timestamptz IS NULL OR e.posted_at < $2)
     GROUP BY e.lane_no, e.seq
), bad AS (
    SELECT lane_no, seq, format('transaction %s of lane %s: its entries sum to %s', seq, lane_no, total) AS finding
      FROM judged WHERE total <> 0
    UNION ALL
    SELECT lane_no, seq, format('transaction %s of lane %s: its entries are in %s and %s', seq, lane_no, lowest, highest)
      FROM judged WHERE lowest <> highest
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY lane_no, seq LIMIT 10) AS findings;

-- name: money_conserved
-- Every slice of whole transactions conserves money, hence all of them together.
WITH judged AS (
    SELECT a.currency, count(*) AS entries, sum(e.amount_minor) AS total
      FROM every_entry AS e LEFT JOIN account AS a USING (account_no)
     WHERE e.posted_at >= coalesce($1::timestamptz, '-infinity') AND ($2::timestamptz IS NULL OR e.posted_at < $2)
     GROUP BY a.currency
), bad AS (
    SELECT currency, format('%s: %s minor units appeared, in entries from %s to %s', coalesce(currency, 'no currency'),
                            total, coalesce($1::timestamptz::text, 'the first'), coalesce($2::timestamptz::text, 'the last')) AS finding
      FROM judged WHERE total <> 0
)
SELECT coalesce((SELECT sum(entries) FROM judged), 0)::bigint AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY currency LIMIT 10) AS findings;

-- name: transaction_entries
-- The entries a transaction claims count +1, those that are there -1: what does not add up to 0 is missing or too many.
-- No join of entries with transactions: neither side has the other's order. Entries of type 7, REVERSAL, are claimed by
-- what their transaction undoes or gives back; the check named after them compares those.
WITH posted AS (
    SELECT * FROM every_transaction
     WHERE posted_at >= coalesce($1::timestamptz, '-infinity') AND ($2::timestamptz IS NULL OR posted_at < $2)
       AND refusal IS NULL
), legs AS (
    SELECT lane_no, seq, posted_at, currency, source_no, destination_no, amount_minor,
           CASE WHEN kind IN (2, 11) THEN 1 WHEN kind IN (3, 12, 13, 14) THEN 2 WHEN kind = 10 THEN 6 ELSE 4 END AS debit_type,
           CASE WHEN kind IN (2, 11) THEN 1 WHEN kind IN (3, 12, 13, 14) THEN 2 WHEN kind = 10 THEN 6 ELSE 3 END AS credit_type
      FROM posted WHERE kind IN (1, 2, 3, 6, 10, 11, 12, 13, 14)
    UNION ALL
    SELECT lane_no, seq, posted_at, currency, leg.source_no, leg.destination_no, leg.amount_minor, 4, 3
      FROM posted JOIN every_batch_leg AS leg USING (lane_no, seq) WHERE kind = 5
    UNION ALL
    SELECT p.lane_no, seq, posted_at, p.currency, source_no, destination_no, amount_minor,
           CASE a.account_type WHEN 0 THEN 2 ELSE 4 END, CASE a.account_type WHEN 0 THEN 2 ELSE 3 END
      FROM posted AS p LEFT JOIN account AS a ON a.account_no = destination_no WHERE kind IN (7, 8)
    UNION ALL
    SELECT s.lane_no, seq, posted_at, a.currency, source_no, destination_no, amount_minor,
           CASE kind WHEN 1 THEN 4 WHEN 4 THEN 6 ELSE 5 END, CASE kind WHEN 1 THEN 3 WHEN 4 THEN 6 ELSE 5 END
      FROM every_side_leg AS s LEFT JOIN account AS a ON a.account_no = source_no
     WHERE posted_at >= coalesce($1::timestamptz, '-infinity') AND ($2::timestamptz IS NULL OR posted_at < $2)
       AND kind IN (1, 2, 4)
), claimed AS (
    SELECT 1 AS n, lane_no, seq, posted_at, currency, source_no AS account_no, -amount_minor AS amount_minor, debit_type AS entry_type
      FROM legs
    UNION ALL
    SELECT 1, lane_no, seq, posted_at, currency, destination_no, amount_minor, credit_type FROM legs
    UNION ALL
    SELECT -1, e.lane_no, e.seq, e.posted_at, a.currency, e.account_no, e.amount_minor, e.entry_type
      FROM every_entry AS e LEFT JOIN account AS a USING (account_no)
     WHERE e.posted_at >= coalesce($1::timestamptz, '-infinity') AND ($2::timestamptz IS NULL OR e.posted_at < $2)
       AND e.entry_type <> 7
), differing AS (
    SELECT lane_no, seq, account_no, amount_minor, entry_type, sum(n) AS n
      FROM claimed GROUP BY lane_no, seq, posted_at, currency, account_no, amount_minor, entry_type HAVING sum(n) <> 0
), bad AS (
    SELECT d.lane_no, seq, format('transaction %s of lane %s: account %s (%s) %s an entry of %s and type %s', seq, d.lane_no,
                                  account_no, account_id, CASE WHEN n > 0 THEN 'lacks' ELSE 'has, unclaimed,' END,
                                  amount_minor, entry_type) AS finding
      FROM differing AS d LEFT JOIN account USING (account_no)
    UNION ALL
    SELECT lane_no, seq, format('transaction %s of lane %s: its amount is %s, its legs sum to %s', seq, lane_no, amount_minor, total)
      FROM posted AS p LEFT JOIN LATERAL (
               SELECT coalesce(sum(leg.amount_minor), 0) AS total FROM every_batch_leg AS leg
                WHERE leg.lane_no = p.lane_no AND leg.seq = p.seq) AS sums ON true
     WHERE kind = 5 AND amount_minor <> total
)
SELECT (SELECT count(*) FROM posted) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY lane_no, seq LIMIT 10) AS findings;

-- name: batch_legs
WITH judged AS (
    SELECT leg.seq, t.kind, t.refusal
      FROM every_batch_leg AS leg LEFT JOIN every_transaction AS t USING (lane_no, seq)
     WHERE leg.lane_no = $1 AND leg.seq >= $2 AND leg.seq < $3
), bad AS (
    SELECT DISTINCT seq FROM judged WHERE kind IS DISTINCT FROM 5 OR refusal IS NOT NULL
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT format('transaction %s of lane %s: it has legs, and is no posted batch', seq, $1) FROM bad ORDER BY seq LIMIT 10)
           AS findings;

-- name: side_legs
-- Protection (1) goes from one account of a customer to another, a fee (2) to the house's fees in the lane's own row, and
-- comes back (3) from there; interest (4) comes from the house's to an account that is closed.
WITH judged AS (
    SELECT leg.seq, leg.leg_no, leg.kind, t.kind AS made_by, t.refusal,
           row_number() OVER (PARTITION BY leg.seq ORDER BY leg.leg_no) - 1 AS true_no,
           CASE leg.kind WHEN 1 THEN t.kind IN (1, 3, 5) WHEN 2 THEN t.kind IN (1, 3, 5, 7, 8)
                         WHEN 4 THEN t.kind = 6 AND t.source_no = leg.destination_no ELSE true END AS may_have,
           CASE leg.kind
               WHEN 1 THEN source.account_type > 0 AND destination.account_type > 0
                    AND source.customer_id IS NOT DISTINCT FROM destination.customer_id
               WHEN 2 THEN source.account_type > 0
                    AND (destination.account_id, destination.lane_no) = ('house:fees:' || t.currency, leg.lane_no)
               ELSE destination.account_type > 0 AND (source.account_id, source.lane_no)
                        = (CASE leg.kind WHEN 4 THEN 'house:interest:' ELSE 'house:fees:' END || t.currency, leg.lane_no)
               END AS fits
      FROM every_side_leg AS leg LEFT JOIN every_transaction AS t USING (lane_no, seq)
      LEFT JOIN account AS source ON source.account_no = leg.source_no
      LEFT JOIN account AS destination ON destination.account_no = leg.destination_no
     WHERE leg.lane_no = $1 AND leg.seq >= $2 AND leg.seq < $3
), bad AS (
    SELECT seq, format('transaction %s of lane %s: it has side leg %s of kind %s, and is none that may',
                       seq, $1, leg_no, kind) AS finding
      FROM judged WHERE made_by IS NULL OR refusal IS NOT NULL OR NOT may_have
    UNION ALL
    SELECT seq, format('transaction %s of lane %s: side leg %s is between accounts that have none of kind %s',
                       seq, $1, leg_no, kind)
      FROM judged WHERE made_by IS NOT NULL AND fits IS NOT TRUE
    UNION ALL
    SELECT seq, format('transaction %s of lane %s: side leg %s should be %s', seq, $1, leg_no, true_no)
      FROM judged WHERE leg_no <> true_no
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;

-- name: transaction_answers
-- The stamp of a transaction is that of the event which told the sender about it, and the other way round.
WITH judged AS (
    SELECT seq, t.kind, t.refusal, e.type, e.payload, t.posted_at, e.occurred_at,
           CASE WHEN t.refusal IS NULL
                THEN (ARRAY['transfer.posted', 'transfer.posted', 'transfer.posted', 'transfer.reversed', 'transfer.batch_posted',
                            'account.closed', 'settlement.posted', 'settlement.posted', 'settlement.refunded', 'interest.posted',
                            'advance.granted', 'advance.payment_collected', 'advance.repaid', 'advance.written_off'])[t.kind]
                ELSE CASE WHEN t.kind = 6 THEN 'account.rejected' WHEN t.kind > 6 THEN 'settlement.rejected'
                          ELSE 'transfer.rejected' END END AS true_type
      FROM (SELECT * FROM every_transaction WHERE lane_no = $1 AND seq >= $2 AND seq < $3) AS t
      FULL JOIN (SELECT * FROM every_event WHERE lane_no = $1 AND seq >= $2 AND seq < $3 AND kind = 1) AS e USING (seq)
), bad AS (
    SELECT seq, format('transaction %s of lane %s: no answer tells of it', seq, $1) AS finding
      FROM judged WHERE kind IS NOT NULL AND type IS NULL
    UNION ALL
    SELECT seq, format('transaction %s of lane %s: its answer is %s and should be %s', seq, $1, type, true_type)
      FROM judged WHERE type <> true_type
    UNION ALL
    SELECT seq, format('transaction %s of lane %s: it was posted at %s and answered at %s', seq, $1, posted_at, occurred_at)
      FROM judged WHERE posted_at <> occurred_at
    UNION ALL
    SELECT seq, format('transaction %s of lane %s: it was refused with %s, its answer says another code', seq, $1, refusal)
      FROM judged WHERE position(convert_to('"code":"' || refusal || '"', 'UTF8') IN payload) = 0
    UNION ALL
    SELECT seq, format('event %s of lane %s: it is %s, and there is no such transaction', seq, $1, type)
      FROM judged WHERE kind IS NULL AND (type LIKE 'transfer.%' OR type LIKE 'settlement.%' OR type IN (
          'advance.granted', 'advance.payment_collected', 'advance.repaid', 'advance.written_off'))
)
SELECT (SELECT count(*) FROM judged WHERE kind IS NOT NULL) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;

-- name: reversals
-- What a reversal undoes is read from the original's row or legs, which another check has compared with its entries.
-- A house account is told by its id: the original may have been made in another lane. Refunds and fees that come back
-- have entries of the same type, which they claim here.
WITH undoing AS (
    SELECT t.lane_no, t.seq, t.posted_at, t.amount_minor, t.currency, r.original_lane_no, r.original_seq,
           o.kind AS original_kind, o.refusal AS original_refusal, o.amount_minor AS original_minor,
           o.currency AS original_currency, o.posted_at AS original_at, o.source_no, o.destination_no
      FROM every_transaction AS t
      LEFT JOIN reversal AS r ON r.lane_no = t.lane_no AND r.seq = t.seq
      LEFT JOIN every_transaction AS o ON o.lane_no = r.original_lane_no AND o.seq = r.original_seq
     WHERE t.posted_at >= coalesce($1::timestamptz, '-infinity') AND ($2::timestamptz IS NULL OR t.posted_at < $2)
       AND t.kind = 4 AND t.refusal IS NULL
), legs AS (
    SELECT lane_no, seq, posted_at, source_no, destination_no, original_minor AS amount_minor
      FROM undoing WHERE original_kind <> 5
    UNION ALL
    SELECT u.lane_no, u.seq, u.posted_at, leg.source_no, leg.destination_no, leg.amount_minor
      FROM undoing AS u JOIN every_batch_leg AS leg ON leg.lane_no = u.original_lane_no AND leg.seq = u.original_seq
     WHERE original_kind = 5
), back AS (
    SELECT lane_no, seq, posted_at, source_no, destination_no, amount_minor FROM every_transaction
     WHERE posted_at >= coalesce($1::timestamptz, '-infinity') AND ($2::timestamptz IS NULL OR posted_at < $2)
       AND kind = 9 AND refusal IS NULL
    UNION ALL
    SELECT lane_no, seq, posted_at, source_no, destination_no, amount_minor FROM every_side_leg
     WHERE posted_at >= coalesce($1::timestamptz, '-infinity') AND ($2::timestamptz IS NULL OR posted_at < $2) AND kind = 3
), claimed AS (
    SELECT 1 AS n, lane_no, seq, posted_at, destination_no AS account_no, -amount_minor AS amount_minor, 7 AS entry_type FROM legs
    UNION ALL
    SELECT 1, lane_no, seq, posted_at, source_no, amount_minor, 7 FROM legs
    UNION ALL
    SELECT 1, lane_no, seq, posted_at, source_no, -amount_minor, 7 FROM back
    UNION ALL
    SELECT 1, lane_no, seq, posted_at, destination_no, amount_minor, 7 FROM back
    UNION ALL
    SELECT -1, e.lane_no, e.seq, e.posted_at, e.account_no, e.amount_minor, e.entry_type
      FROM every_entry AS e
     WHERE e.posted_at >= coalesce($1::timestamptz, '-infinity') AND ($2::timestamptz IS NULL OR e.posted_at < $2)
       AND e.entry_type = 7
), differing AS (
    SELECT c.lane_no, seq, account_id, c.amount_minor, entry_type, sum(n) AS n
      FROM claimed AS c LEFT JOIN account USING (account_no)
     GROUP BY c.lane_no, seq, posted_at, account_id, c.amount_minor, entry_type HAVING sum(n) <> 0
), bad AS (
    SELECT lane_no, seq, format('transaction %s of lane %s: %s %s an entry of %s and type %s', seq, lane_no, account_id,
                                CASE WHEN n > 0 THEN 'lacks' ELSE 'has, unclaimed,' END, amount_minor, entry_type) AS finding
      FROM differing
    UNION ALL
    SELECT lane_no, seq, format('reversal %s of lane %s: it undoes no posted transaction that may be reversed',
                                seq, lane_no)
      FROM undoing WHERE (original_kind IN (1, 2, 3, 5)) IS NOT TRUE OR original_refusal IS NOT NULL
    UNION ALL
    SELECT lane_no, seq, format('reversal %s of lane %s: it has %s %s, what it undoes has %s %s', seq, lane_no,
                                amount_minor, currency, original_minor, original_currency)
      FROM undoing WHERE (amount_minor, currency) <> (original_minor, original_currency)
    UNION ALL
    SELECT lane_no, seq, format('reversal %s of lane %s: it was posted before what it undoes', seq, lane_no)
      FROM undoing WHERE posted_at < original_at
)
SELECT (SELECT count(*) FROM undoing) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY lane_no, seq LIMIT 10) AS findings;

-- name: reversal_links
-- Cut by the original's stamp, so that two reversals of one transaction lie in one slice.
WITH judged AS (
    SELECT r.original_seq, r.lane_no, r.seq, t.kind, t.refusal, count(*) OVER (PARTITION BY r.original_seq) AS times
      FROM reversal AS r LEFT JOIN every_transaction AS t USING (lane_no, seq)
     WHERE r.original_lane_no = $1 AND r.original_seq >= $2 AND r.original_seq < $3
), bad AS (
    SELECT original_seq, format('transaction %s of lane %s: it is undone by %s of lane %s, which is no posted reversal',
                                original_seq, $1, seq, lane_no) AS finding
      FROM judged WHERE kind IS DISTINCT FROM 4 OR refusal IS NOT NULL
    UNION ALL
    SELECT DISTINCT original_seq, format('transaction %s of lane %s: it is undone %s times', original_seq, $1, times)
      FROM judged WHERE times > 1
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY original_seq LIMIT 10) AS findings;

-- name: house_lanes
WITH judged AS (
    SELECT e.account_no, e.entry_no, e.lane_no, a.account_id, a.lane_no AS true_lane_no
      FROM every_entry AS e JOIN account AS a USING (account_no)
     WHERE e.posted_at >= coalesce($1::timestamptz, '-infinity') AND ($2::timestamptz IS NULL OR e.posted_at < $2)
       AND a.account_type = 0
), bad AS (
    SELECT account_no, entry_no, format('account %s (%s): entry %s was made in lane %s, the row is that of lane %s',
                                        account_no, account_id, entry_no, lane_no, true_lane_no) AS finding
      FROM judged WHERE lane_no <> true_lane_no
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no, entry_no LIMIT 10) AS findings;
