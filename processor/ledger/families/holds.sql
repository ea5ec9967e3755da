-- name: holds
-- Behind the locks of their accounts, or a hold would be read as it was before what was waited for. The LIMIT keeps the
-- planner from turning the look-ups into a join over the whole table. $1 bigint[] account_no, $2 text[] hold ids
SELECT found.*
  FROM unnest($1::bigint[], $2::text[]) AS wanted (account_no, hold_id)
 CROSS JOIN LATERAL (SELECT * FROM hold
                      WHERE hold.account_no = wanted.account_no AND hold.hold_id = wanted.hold_id LIMIT 1) AS found;

-- name: due_holds
-- The instant is compared so that the index of what is to be swept, which has the expiries of all accounts, cannot be
-- meant. $1 bigint[] account_no, $2 instant
SELECT * FROM hold WHERE account_no = ANY($1::bigint[]) AND status = 1 AND NOT lapsed AND (expires_at > $2) IS FALSE;

-- name: next_expiries
-- $1 bigint[] account_no, $2 instant
SELECT account_no, min(expires_at) FROM hold
 WHERE account_no = ANY($1::bigint[]) AND status = 1 AND NOT lapsed AND expires_at > $2
 GROUP BY account_no;

-- name: update_holds
-- Only where the row is still as it was read. $1 bigint[] account_no, $2 text[] hold id, $3 smallint[] status,
-- $4 bigint[] amount, $5 bigint[] captured, $6 bigint[] released, $7 bigint[] expired, $8 timestamptz[] expires_at,
-- $9 boolean[] lapsed, $10 bigint[] version read, $11 instant
UPDATE hold SET status = u.status, amount_minor = u.amount_minor, captured_minor = u.captured_minor,
       released_minor = u.released_minor, expired_minor = u.expired_minor, expires_at = u.expires_at, lapsed = u.lapsed,
       version = hold.version + 1, decided_at = $11
  FROM unnest($1::bigint[], $2::text[], $3::smallint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
              $8::timestamptz[], $9::boolean[], $10::bigint[])
       AS u (account_no, hold_id, status, amount_minor, captured_minor, released_minor, expired_minor, expires_at, lapsed,
             version)
 WHERE hold.account_no = u.account_no AND hold.hold_id = u.hold_id AND hold.version = u.version;

-- name: next_hold_slice
-- $1 account_no, $2 hold id: the first of the slice; $3 rows
SELECT account_no, hold_id FROM hold WHERE (account_no, hold_id) >= ($1::bigint, $2::text)
 ORDER BY account_no, hold_id OFFSET $3 LIMIT 1;

-- name: audit_holds
-- $1 account_no, $2 hold id: the first of the slice; $3, $4: the one after the last, as below
WITH versions AS (
    SELECT v.*, row_number() OVER w AS number, count(*) OVER (PARTITION BY account_no, hold_id) AS numbers
      FROM hold_version AS v LEFT JOIN lane USING (lane_no)
     WHERE (account_no, hold_id) >= ($1::bigint, $2::text) AND (account_no, hold_id) < ($3::bigint, $4::text)
    WINDOW w AS (PARTITION BY account_no, hold_id ORDER BY changed_at, partition, seq)
), judged AS (
    SELECT account_no, hold_id, format('hold %s of account %s', hold_id, account_no) AS named,
           held.account_no IS NULL AS lost, last.account_no IS NULL AS unfounded,
           (held.status, held.amount_minor, held.captured_minor, held.released_minor, held.expired_minor)
               = (last.status, last.amount_minor, last.captured_minor, last.released_minor, last.expired_minor)
           AND held.expires_at IS NOT DISTINCT FROM last.expires_at AND held.decided_at >= last.changed_at AS is_last,
           (held.placed_at, held.lane_no, held.seq) = (first.changed_at, first.lane_no, first.seq) AS is_first,
           held.amount_minor - held.captured_minor - held.released_minor - held.expired_minor AS left_minor,
           least(held.captured_minor, held.released_minor, held.expired_minor) AS least_minor, held.status
      FROM (SELECT * FROM hold
             WHERE (account_no, hold_id) >= ($1, $2) AND (account_no, hold_id) < ($3, $4)) AS held
      FULL JOIN (SELECT * FROM versions WHERE number = numbers) AS last USING (account_no, hold_id)
      LEFT JOIN (SELECT * FROM versions WHERE number = 1) AS first USING (account_no, hold_id)
), bad AS (
    SELECT account_no, hold_id, named || ': it has versions and no row' AS finding FROM judged WHERE lost
    UNION ALL
    SELECT account_no, hold_id, named || ': it has a row and no version' FROM judged WHERE unfounded
    UNION ALL
    SELECT account_no, hold_id, named || ': it is not as its last version says' FROM judged WHERE NOT is_last
    UNION ALL
    SELECT account_no, hold_id, named || ': its first version has another stamp' FROM judged WHERE NOT is_first
    UNION ALL
    SELECT account_no, hold_id, format('%s: its status is %s, %s is left of it, and its least part is %s',
                                       named, status, left_minor, least_minor)
      FROM judged WHERE left_minor < 0 OR least_minor < 0 OR (left_minor > 0) <> (status = 1)
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no, hold_id LIMIT 10) AS findings;

-- name: audit_hold_versions
-- Each version against the one before it and the answer that bears its stamp: what a placing, an adjustment, an
-- extension, a release, an expiry and a capture may change. A capture takes what its transaction moves.
WITH steps AS (
    SELECT v.account_no, hold_id, v.lane_no, v.seq, changed_at, expires_at, status, amount_minor, captured_minor,
           released_minor, expired_minor, partition, row_number() OVER w AS number, lag(expires_at) OVER w AS expiry_before,
           lag(status) OVER w AS status_before, lag(amount_minor) OVER w AS amount_before,
           lag(captured_minor) OVER w AS captured_before, lag(released_minor) OVER w AS released_before,
           lag(expired_minor) OVER w AS expired_before
      FROM hold_version AS v LEFT JOIN lane USING (lane_no)
     WHERE (account_no, hold_id) >= ($1::bigint, $2::text) AND (account_no, hold_id) < ($3::bigint, $4::text)
    WINDOW w AS (PARTITION BY account_no, hold_id ORDER BY changed_at, partition, seq)
), judged AS (
    SELECT s.account_no, hold_id, number, status_before, e.type,
           format('hold %s of account %s: version %s of lane %s', hold_id, s.account_no, s.seq, s.lane_no) AS named,
           (e.kind = 1 AND e.aggregateid = a.account_id AND e.occurred_at = s.changed_at) IS TRUE AS is_told,
           e.type = 'hold.placed' OR (expiry_before <= s.changed_at) IS TRUE = (e.type = 'hold.expired') AS in_time,
           s.expires_at > s.changed_at OR s.expires_at IS NULL AS is_ahead,
           e.type IN ('hold.placed', 'hold.extended') OR s.expires_at IS NOT DISTINCT FROM expiry_before AS keeps_expiry,
           e.type IN ('hold.placed', 'hold.adjusted') OR s.amount_minor = amount_before AS keeps_amount,
           CASE e.type
               WHEN 'hold.placed' THEN (captured_minor, released_minor, expired_minor, s.status) = (0, 0, 0, 1)
               WHEN 'hold.adjusted' THEN (captured_minor, released_minor, expired_minor)
                        = (captured_before, released_before, expired_before)
                    AND s.status = CASE WHEN s.amount_minor = captured_minor THEN 2 ELSE 1 END
               WHEN 'hold.extended' THEN (captured_minor, released_minor, expired_minor, s.status)
                        = (captured_before, released_before, expired_before, 1)
               WHEN 'hold.released' THEN (captured_minor, released_minor, expired_minor, s.status)
                        = (captured_before, s.amount_minor - captured_before, 0, 3)
               WHEN 'hold.expired' THEN (captured_minor, released_minor, expired_minor, s.status)
                        = (captured_before, 0, s.amount_minor - captured_before, 4)
               WHEN 'settlement.posted' THEN (t.kind, t.source_no, captured_minor, expired_minor)
                        = (7, s.account_no, captured_before + t.amount_minor, 0) AND t.refusal IS NULL
                    AND (s.status, released_minor) IN ((1, 0), (2, s.amount_minor - captured_minor))
               END AS fits
      FROM steps AS s LEFT JOIN account AS a USING (account_no)
      LEFT JOIN every_event AS e ON e.lane_no = s.lane_no AND e.seq = s.seq
      LEFT JOIN every_transaction AS t ON t.lane_no = s.lane_no AND t.seq = s.seq
), bad AS (
    SELECT account_no, hold_id, number, named || ': no answer of this account tells of it' AS finding
      FROM judged WHERE NOT is_told OR fits IS NULL
    UNION ALL
    SELECT account_no, hold_id, number, format('%s: it follows one of status %s', named, coalesce(status_before, 0))
      FROM judged WHERE (type = 'hold.placed') <> (number = 1) OR status_before <> 1
    UNION ALL
    SELECT account_no, hold_id, number, format('%s: it is no step of %s', named, type)
      FROM judged WHERE NOT (fits AND keeps_expiry AND keeps_amount)
    UNION ALL
    SELECT account_no, hold_id, number, format('%s: it is too early or too late for %s', named, type)
      FROM judged WHERE NOT in_time OR type IN ('hold.placed', 'hold.extended') AND NOT is_ahead
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no, hold_id, number LIMIT 10) AS findings;

-- name: audit_hold_answers
-- The other way round: each answer that speaks of a hold, and each capture, changed one. $1 lane, $2 the first seq,
-- $3 the one after the last
WITH told AS (
    SELECT seq, type, NULL::bigint AS account_no FROM every_event
     WHERE lane_no = $1 AND seq >= $2 AND seq < $3 AND kind = 1
       AND type IN ('hold.placed', 'hold.adjusted', 'hold.extended', 'hold.released', 'hold.expired')
    UNION ALL
    SELECT seq, 'settlement.posted', source_no FROM every_transaction
     WHERE lane_no = $1 AND seq >= $2 AND seq < $3 AND kind = 7 AND refusal IS NULL
), judged AS (
    SELECT told.seq, type, v.seq IS NULL OR v.account_no <> told.account_no AS untrue
      FROM told LEFT JOIN LATERAL (SELECT * FROM hold_version WHERE lane_no = $1 AND seq = told.seq LIMIT 1) AS v ON true
), bad AS (
    SELECT seq, format('event %s of lane %s: it is %s, and no hold of the account has changed', seq, $1, type) AS finding
      FROM judged WHERE untrue
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;
