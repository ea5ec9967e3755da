-- name: advances
-- Behind the locks of their accounts. The LIMIT keeps the planner from turning the look-ups into a join over the whole
-- table. $1 bigint[] account_no, $2 text[] advance ids
SELECT found.*
  FROM unnest($1::bigint[], $2::text[]) AS wanted (account_no, advance_id)
 CROSS JOIN LATERAL (SELECT * FROM advance
                      WHERE advance.account_no = wanted.account_no AND advance.advance_id = wanted.advance_id LIMIT 1) AS found;

-- name: advance_payments
-- All of them, settled or not: the rules sum them up. The OFFSET is there for what the LIMIT does above. $1 bigint[]
-- account_no, $2 text[] advance ids
SELECT found.*
  FROM unnest($1::bigint[], $2::text[]) AS wanted (account_no, advance_id)
 CROSS JOIN LATERAL (SELECT * FROM advance_payment AS payment
                      WHERE payment.account_no = wanted.account_no AND payment.advance_id = wanted.advance_id
                      ORDER BY payment_no OFFSET 0) AS found;

-- name: update_advances
-- Only where the row is still as it was read. $1 bigint[] account_no, $2 text[] advance id, $3 smallint[] status,
-- $4 bigint[] outstanding, $5 bigint[] written off, $6 integer[] payments, $7 bigint[] version read, $8 instant
UPDATE advance SET status = u.status, outstanding_minor = u.outstanding_minor, written_off_minor = u.written_off_minor,
       payments = u.payments, version = advance.version + 1, decided_at = $8
  FROM unnest($1::bigint[], $2::text[], $3::smallint[], $4::bigint[], $5::bigint[], $6::integer[], $7::bigint[])
       AS u (account_no, advance_id, status, outstanding_minor, written_off_minor, payments, version)
 WHERE advance.account_no = u.account_no AND advance.advance_id = u.advance_id AND advance.version = u.version;

-- name: update_advance_payments
-- Likewise. $1 bigint[] account_no, $2 text[] advance id, $3 integer[] number, $4 smallint[] status, $5 bigint[] amount,
-- $6 bigint[] paid, $7 integer[] moved to, $8 bigint[] version read, $9 instant
UPDATE advance_payment AS payment SET status = u.status, amount_minor = u.amount_minor, paid_minor = u.paid_minor,
       moved_to = u.moved_to, version = payment.version + 1, decided_at = $9
  FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::smallint[], $5::bigint[], $6::bigint[], $7::integer[], $8::bigint[])
       AS u (account_no, advance_id, payment_no, status, amount_minor, paid_minor, moved_to, version)
 WHERE payment.account_no = u.account_no AND payment.advance_id = u.advance_id AND payment.payment_no = u.payment_no
   AND payment.version = u.version;

-- name: suspects
-- Of the advances behind a place, so many at most: those of which paid, written off and scheduled do not sum to the
-- amount, or scheduled to what is outstanding; and the last of them in any case, from which the next page goes on. Each
-- is judged in one snapshot, whatever is written meanwhile. $1 bigint account_no, $2 text advance id, $3 advances
WITH page AS (
    SELECT account_no, advance_id, amount_minor, outstanding_minor, written_off_minor
      FROM advance WHERE (account_no, advance_id) > ($1::bigint, $2::text) ORDER BY account_no, advance_id LIMIT $3
), judged AS (
    SELECT account_no, advance_id,
           (paid_minor + written_off_minor + scheduled_minor, scheduled_minor) <> (amount_minor, outstanding_minor)
               AS is_suspect, row_number() OVER (ORDER BY account_no DESC, advance_id DESC) = 1 AS is_last
      FROM page CROSS JOIN LATERAL (
               SELECT coalesce(sum(payment.paid_minor), 0) AS paid_minor,
                      coalesce(sum(payment.amount_minor - payment.paid_minor) FILTER (WHERE status = 1), 0) AS scheduled_minor
                 FROM advance_payment AS payment
                WHERE payment.account_no = page.account_no AND payment.advance_id = page.advance_id) AS sums
)
SELECT account_no, advance_id, account_id, is_suspect
  FROM judged CROSS JOIN LATERAL (
           SELECT account_id FROM account WHERE account.account_no = judged.account_no LIMIT 1) AS named
 WHERE is_suspect OR is_last ORDER BY account_no, advance_id;

-- name: next_advance_slice
-- $1 account_no, $2 advance id: the first of the slice; $3 rows
SELECT account_no, advance_id FROM advance WHERE (account_no, advance_id) >= ($1::bigint, $2::text)
 ORDER BY account_no, advance_id OFFSET $3 LIMIT 1;

-- name: audit_advances
-- Each advance against its payments, its grant, and the account that knows of it while it is open.
-- $1 account_no, $2 advance id: the first of the slice; $3, $4: the one after the last, as below
WITH sums AS (
    SELECT account_no, advance_id, count(*) AS count, min(payment_no) AS first_no, max(payment_no) AS last_no,
           sum(paid_minor) AS paid_minor, coalesce(sum(amount_minor - paid_minor) FILTER (WHERE status = 1), 0) AS owed_minor,
           coalesce(sum(amount_minor - paid_minor) FILTER (WHERE status = 5), 0) AS given_up_minor
      FROM advance_payment
     WHERE (account_no, advance_id) >= ($1::bigint, $2::text) AND (account_no, advance_id) < ($3::bigint, $4::text)
     GROUP BY account_no, advance_id
), judged AS (
    SELECT account_no, advance_id, format('advance %s of account %s', advance_id, account_no) AS named,
           own.account_no IS NULL AS lost, sums.account_no IS NULL AS unfounded, own.amount_minor, outstanding_minor,
           written_off_minor, paid_minor, owed_minor, given_up_minor,
           (count, first_no, last_no) = (payments, 1, payments) AS is_numbered,
           CASE own.status WHEN 1 THEN owed_minor > 0 AND given_up_minor = 0 WHEN 2 THEN (owed_minor, given_up_minor) = (0, 0)
                           ELSE owed_minor = 0 AND given_up_minor > 0 END AS fits,
           (e.kind, e.type, e.aggregateid, e.occurred_at) = (1, 'advance.granted', a.account_id, granted_at)
           AND (t.kind, t.destination_no, t.amount_minor) = (11, account_no, own.amount_minor) AS is_told,
           (open_id = advance_id) IS TRUE = (own.status = 1) AND (own.status <> 1 OR a.status <> 3) AS is_known
      FROM (SELECT * FROM advance
             WHERE (account_no, advance_id) >= ($1, $2) AND (account_no, advance_id) < ($3, $4)) AS own
      FULL JOIN sums USING (account_no, advance_id)
      LEFT JOIN (SELECT account_no, account_id, status, advance_id AS open_id FROM account) AS a USING (account_no)
      LEFT JOIN every_event AS e ON e.lane_no = own.lane_no AND e.seq = own.seq
      LEFT JOIN every_transaction AS t ON t.lane_no = own.lane_no AND t.seq = own.seq
), bad AS (
    SELECT account_no, advance_id, named || ': it has payments and no row' AS finding FROM judged WHERE lost
    UNION ALL
    SELECT account_no, advance_id, named || ': it has a row and no payments' FROM judged WHERE unfounded
    UNION ALL
    SELECT account_no, advance_id, named || ': its payments are not numbered from 1 to the last' FROM judged WHERE NOT is_numbered
    UNION ALL
    SELECT account_no, advance_id, format('%s: %s paid, %s written off and %s owed are not %s', named, paid_minor,
                                          written_off_minor, owed_minor, amount_minor)
      FROM judged WHERE paid_minor + written_off_minor + owed_minor <> amount_minor
    UNION ALL
    SELECT account_no, advance_id, format('%s: %s is outstanding and %s written off, its payments say %s and %s', named,
                                          outstanding_minor, written_off_minor, owed_minor, given_up_minor)
      FROM judged WHERE (outstanding_minor, written_off_minor) <> (owed_minor, given_up_minor)
    UNION ALL
    SELECT account_no, advance_id, named || ': its status is not that of its payments' FROM judged WHERE NOT fits
    UNION ALL
    SELECT account_no, advance_id, named || ': no answer and transaction of this account grant it'
      FROM judged WHERE NOT lost AND is_told IS NOT TRUE
    UNION ALL
    SELECT account_no, advance_id, named || ': its account does not know what is open' FROM judged WHERE NOT lost AND NOT is_known
    UNION ALL
    SELECT account_no, advance_id, format('account %s (%s): it knows of advance %s, which is not open', account_no, account_id,
                                          advance_id)
      FROM account WHERE account_no >= $1 AND account_no < $3 AND advance_id IS NOT NULL AND NOT EXISTS (
               SELECT FROM advance WHERE advance.account_no = account.account_no
                                     AND advance.advance_id = account.advance_id AND advance.status = 1)
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no, advance_id LIMIT 10) AS findings;

-- name: audit_advance_payments
-- Each version of a payment against the one before it and the answer that bears its stamp, and all versions of a stamp
-- against the money that moved by it. The bank's days are a setting, so a payment may have been collected in a day that
-- had not begun in UTC.
WITH steps AS (
    SELECT v.*, partition, row_number() OVER w AS number, lead(v.seq) OVER w IS NULL AS is_last,
           lag(due) OVER w AS due_before, lag(status) OVER w AS status_before, lag(amount_minor) OVER w AS amount_before,
           lag(paid_minor, 1, 0::bigint) OVER w AS paid_before
      FROM advance_payment_version AS v LEFT JOIN lane USING (lane_no)
     WHERE (account_no, advance_id) >= ($1::bigint, $2::text) AND (account_no, advance_id) < ($3::bigint, $4::text)
    WINDOW w AS (PARTITION BY account_no, advance_id, payment_no ORDER BY changed_at, partition, seq)
), now AS (
    SELECT account_no, advance_id, payment_no, p.account_no IS NULL AS lost, last.account_no IS NULL AS unfounded,
           (p.due, p.status, p.amount_minor, p.paid_minor) = (last.due, last.status, last.amount_minor, last.paid_minor)
           AND p.moved_to IS NOT DISTINCT FROM last.moved_to AND p.decided_at >= last.changed_at AS is_so
      FROM (SELECT * FROM advance_payment
             WHERE (account_no, advance_id) >= ($1, $2) AND (account_no, advance_id) < ($3, $4)) AS p
      FULL JOIN (SELECT * FROM steps WHERE is_last) AS last USING (account_no, advance_id, payment_no)
), judged AS (
    SELECT s.*, e.type, format('payment %s of advance %s of account %s: version %s of lane %s', payment_no, advance_id,
                               account_no, s.seq, s.lane_no) AS named,
           (e.kind = 1 AND e.aggregateid = a.account_id AND e.occurred_at = s.changed_at) IS TRUE AS is_told,
           s.due = coalesce(due_before, s.due) AND (s.status = 3) = (s.moved_to IS NOT NULL)
           AND (e.type IN ('advance.granted', 'advance.payment_failed') OR s.amount_minor = amount_before)
           AND CASE e.type
               WHEN 'advance.granted' THEN number = 1 AND (s.status, s.paid_minor) = (1, 0)
               WHEN 'advance.payment_collected' THEN (s.status, s.paid_minor) = (2, s.amount_minor)
               WHEN 'advance.payment_failed' THEN s.paid_minor = paid_before AND CASE s.status
                   WHEN 3 THEN s.amount_minor = amount_before
                   WHEN 1 THEN s.amount_minor > coalesce(amount_before, 0) ELSE false END
               WHEN 'advance.repaid' THEN s.paid_minor > paid_before
                    AND s.status = CASE WHEN s.paid_minor = s.amount_minor THEN 4 ELSE 1 END
               WHEN 'advance.written_off' THEN (s.status, s.paid_minor) = (5, paid_before)
               END AS fits,
           e.type NOT IN ('advance.payment_collected', 'advance.payment_failed') OR s.status = 1
           OR s.due <= (s.changed_at AT TIME ZONE 'UTC')::date + 1 AS in_time,
           -- the schedule of a grant: all that bears its stamp
           (s.amount_minor, s.due) = (
               (sum(s.amount_minor) OVER stamp)::bigint / granted_in
               + CASE WHEN payment_no < granted_in THEN 0 ELSE (sum(s.amount_minor) OVER stamp)::bigint % granted_in END,
               min(s.due) OVER stamp + (payment_no - 1) * interval_days) AS is_planned, granted_in
      FROM steps AS s LEFT JOIN (SELECT account_no, account_id FROM account) AS a USING (account_no)
      LEFT JOIN (SELECT account_no, advance_id, nullif(granted_in, 0) AS granted_in, interval_days FROM advance) AS own
           USING (account_no, advance_id)
      LEFT JOIN every_event AS e ON e.lane_no = s.lane_no AND e.seq = s.seq
    WINDOW stamp AS (PARTITION BY account_no, advance_id, s.lane_no, s.seq)
), sums AS (
    SELECT account_no, advance_id, lane_no, seq, min(type) AS type, count(*) AS versions, sum(amount_minor) AS amount_minor,
           sum(paid_minor - paid_before) AS paid_minor, sum(amount_minor - paid_minor) AS left_minor,
           sum(amount_minor - paid_minor) FILTER (WHERE status = 3) AS failed_minor,
           sum(amount_minor - coalesce(amount_before, 0)) FILTER (WHERE status = 1) AS taken_minor,
           min(payment_no) AS first_no, max(payment_no) AS last_no, max(moved_to) AS moved_to,
           count(*) FILTER (WHERE status = 1) AS in_part, bool_and(is_planned) AS is_planned, min(granted_in) AS granted_in
      FROM judged GROUP BY account_no, advance_id, lane_no, seq
), moved AS (
    SELECT s.*, CASE s.type
               WHEN 'advance.granted' THEN (t.kind, t.destination_no, t.amount_minor) = (11, account_no, s.amount_minor)
                    AND (versions, first_no, last_no) = (granted_in, 1, granted_in) AND is_planned
               WHEN 'advance.payment_collected' THEN (t.kind, t.source_no, t.amount_minor) = (12, account_no, s.paid_minor)
                    AND versions = 1
               WHEN 'advance.payment_failed' THEN t.kind IS NULL AND (versions, moved_to, taken_minor) = (2, last_no, failed_minor)
               WHEN 'advance.repaid' THEN (t.kind, t.source_no, t.amount_minor) = (13, account_no, s.paid_minor) AND in_part <= 1
               WHEN 'advance.written_off' THEN (t.kind, t.amount_minor) = (14, left_minor)
               END AS fits
      FROM sums AS s LEFT JOIN every_transaction AS t ON t.lane_no = s.lane_no AND t.seq = s.seq
), bad AS (
    SELECT account_no, advance_id, format('payment %s of advance %s of account %s: it has %s', payment_no, advance_id, account_no,
                                          CASE WHEN lost THEN 'versions and no row' ELSE 'a row and no version' END) AS finding
      FROM now WHERE lost OR unfounded
    UNION ALL
    SELECT account_no, advance_id, format('payment %s of advance %s of account %s: it is not as its last version says',
                                          payment_no, advance_id, account_no)
      FROM now WHERE NOT is_so
    UNION ALL
    SELECT account_no, advance_id, named || ': no answer of this account tells of it' FROM judged WHERE NOT is_told OR fits IS NULL
    UNION ALL
    SELECT account_no, advance_id, format('%s: it follows one of status %s', named, status_before)
      FROM judged WHERE (number > 1 AND status_before <> 1) OR (number = 1 AND type NOT IN ('advance.granted', 'advance.payment_failed'))
    UNION ALL
    SELECT account_no, advance_id, format('%s: it is no step of %s', named, type) FROM judged WHERE NOT fits
    UNION ALL
    SELECT account_no, advance_id, format('%s: it is due on %s, too early for %s', named, due, type) FROM judged WHERE NOT in_time
    UNION ALL
    SELECT account_no, advance_id, format('advance %s of account %s: what %s of lane %s changed is not what it says or moved',
                                          advance_id, account_no, seq, lane_no)
      FROM moved WHERE fits IS NOT TRUE
)
SELECT (SELECT count(*) FROM now) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no, advance_id, finding LIMIT 10) AS findings;

-- name: audit_advance_answers
-- The other way round: each answer that changes an advance has changed one of its account's, and money moved between the
-- account and the house's advances, or within the house, in the lane's own rows. $1 lane, $2 the first seq, $3 the one
-- after the last
WITH judged AS (
    SELECT e.seq, e.type, v.account_no IS NOT NULL AND a.account_id = e.aggregateid AS has_changed,
           CASE t.kind
               WHEN 11 THEN source.account_id = 'house:advances:' || t.currency AND t.destination_no = v.account_no
               WHEN 14 THEN (source.account_id, destination.account_id)
                        = ('house:losses:' || t.currency, 'house:advances:' || t.currency)
               ELSE destination.account_id = 'house:advances:' || t.currency AND t.source_no = v.account_no END
           AND (source.account_type > 0 OR source.lane_no = $1)
           AND (destination.account_type > 0 OR destination.lane_no = $1) AS fits
      FROM (SELECT * FROM every_event
             WHERE lane_no = $1 AND seq >= $2 AND seq < $3 AND kind = 1
               AND type IN ('advance.granted', 'advance.payment_collected', 'advance.payment_failed', 'advance.repaid',
                            'advance.written_off')) AS e
      LEFT JOIN LATERAL (SELECT account_no FROM advance_payment_version AS v
                          WHERE v.lane_no = $1 AND v.seq = e.seq LIMIT 1) AS v ON true
      LEFT JOIN account AS a ON a.account_no = v.account_no
      LEFT JOIN every_transaction AS t ON t.lane_no = $1 AND t.seq = e.seq
      LEFT JOIN account AS source ON source.account_no = t.source_no
      LEFT JOIN account AS destination ON destination.account_no = t.destination_no
), bad AS (
    SELECT seq, format('event %s of lane %s: it is %s, and no advance of the account has changed', seq, $1, type) AS finding
      FROM judged WHERE has_changed IS NOT TRUE
    UNION ALL
    SELECT seq, format('event %s of lane %s: it is %s, and its money moved between other accounts', seq, $1, type)
      FROM judged WHERE has_changed AND type <> 'advance.payment_failed' AND fits IS NOT TRUE
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;

-- name: audit_advances_owed
-- One snapshot of everything: nothing but advances moves money on these accounts.
WITH owed AS (
    SELECT currency, count(*) AS advances, sum(outstanding_minor) AS owed_minor, sum(written_off_minor) AS lost_minor
      FROM advance JOIN (SELECT account_no, currency FROM account) AS a USING (account_no) GROUP BY currency
), house AS (
    SELECT currency, sum(ledger_minor) FILTER (WHERE account_id = 'house:advances:' || currency) AS advances_minor,
           sum(ledger_minor) FILTER (WHERE account_id = 'house:losses:' || currency) AS losses_minor
      FROM account WHERE account_type = 0 GROUP BY currency
), judged AS (
    SELECT currency, coalesce(advances, 0) AS advances, coalesce(owed_minor, 0) AS owed_minor, coalesce(lost_minor, 0) AS lost_minor,
           -coalesce(advances_minor, 0) AS advances_minor, -coalesce(losses_minor, 0) AS losses_minor
      FROM owed FULL JOIN house USING (currency)
), bad AS (
    SELECT currency, format('%s: advances owe %s, the house has granted %s more than came back', currency, owed_minor,
                            advances_minor) AS finding
      FROM judged WHERE owed_minor <> advances_minor
    UNION ALL
    SELECT currency, format('%s: %s was written off, the house has lost %s', currency, lost_minor, losses_minor)
      FROM judged WHERE lost_minor <> losses_minor
)
SELECT (SELECT coalesce(sum(advances), 0)::bigint FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY finding LIMIT 10) AS findings;
