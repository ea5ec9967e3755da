-- Accounts and records against their versions, and versions against what was told. A slice is a run of accounts: $1 the first
-- account_no, $2 the one after the last; what an account has lies in one slice, and so do rows of accounts that do not exist.
-- Where a statement reads money, $3 are the currencies there are and $4 how many decimals each has. A slice of answers is a run
-- of one lane's events: $1 lane, $2 the first seq, $3 the one after the last. Changes follow one another by (instant,
-- partition, seq). Names are what a person wrote: no finding tells one.

-- name: next_account_slice
-- Counted by versions of accounts and of records, never computed: a gap must not make a slice larger. $1 the slice's first
-- account, $2 rows
SELECT account_no FROM (
    (SELECT account_no FROM revenue_account_version WHERE account_no > $1 ORDER BY account_no LIMIT $2::bigint)
    UNION ALL
    (SELECT account_no FROM revenue_record_version WHERE account_no > $1 ORDER BY account_no LIMIT $2::bigint)
) AS counted ORDER BY account_no OFFSET $2::bigint - 1 LIMIT 1;

-- name: revenue_accounts
-- An account is its last version, began with its first, and has the records that it says. Its row bears an instant that is
-- no earlier than any change below it, which makes all that is decided later bear a later one.
WITH versions AS (
    SELECT v.*, lag(version_no, 1, 0) OVER w AS before, lag(v.deleted, 1, false) OVER w AS is_late,
           lead(version_no) OVER w IS NULL AS is_last,
           ROW(changed_at, partition, v.seq) < ROW(lag(changed_at) OVER w, lag(partition) OVER w, lag(v.seq) OVER w) AS is_early
      FROM revenue_account_version AS v LEFT JOIN lane USING (lane_no) WHERE account_no >= $1 AND account_no < $2
    WINDOW w AS (PARTITION BY account_no ORDER BY version_no)
), counted AS (
    SELECT account_no, count(*) FILTER (WHERE NOT deleted) AS records, max(decided_at) AS changed_at
      FROM revenue_record WHERE account_no >= $1 AND account_no < $2 GROUP BY account_no
), judged AS (
    SELECT account_no, v.version_no, v.before, v.is_late, v.is_early, v.is_last, a.account_no IS NULL AS lost,
           v.account_no IS NULL AS unfounded,
           (a.version_no, a.name, a.tier, a.deleted_at IS NOT NULL) = (v.version_no, v.name, v.tier, v.deleted)
               AND (NOT v.deleted OR a.deleted_at = v.changed_at) AS same,
           v.version_no > 1 OR (a.lane_no, a.seq, a.created_at) = (v.lane_no, v.seq, v.changed_at) AS begins,
           a.records, coalesce(counted.records, 0) AS true_records,
           a.decided_at < greatest(v.changed_at, counted.changed_at) AS is_behind,
           a.decided_at > (SELECT max(decided_at) FROM lane WHERE context = 'revenue') AS is_ahead
      FROM (SELECT * FROM revenue_account WHERE account_no >= $1 AND account_no < $2) AS a
      FULL JOIN versions AS v USING (account_no) LEFT JOIN counted USING (account_no)
), bad AS (
    SELECT account_no, version_no, format('account %s: it has versions and no row', account_no) AS finding
      FROM judged WHERE lost AND is_last
    UNION ALL
    SELECT account_no, 0, format('account %s: it has a row and no version', account_no) FROM judged WHERE unfounded
    UNION ALL
    SELECT account_no, version_no, format('account %s: it is not as its last version says', account_no)
      FROM judged WHERE is_last AND NOT lost AND same IS NOT TRUE
    UNION ALL
    SELECT account_no, version_no, format('account %s: its first version is not its creation', account_no)
      FROM judged WHERE NOT lost AND NOT unfounded AND begins IS NOT TRUE
    UNION ALL
    SELECT account_no, version_no, format('account %s: version %s follows version %s', account_no, version_no, before)
      FROM judged WHERE version_no <> before + 1
    UNION ALL
    SELECT account_no, version_no, format('account %s: version %s is older than the one before', account_no, version_no)
      FROM judged WHERE is_early
    UNION ALL
    SELECT account_no, version_no, format('account %s: version %s was made after its deletion', account_no, version_no)
      FROM judged WHERE is_late
    UNION ALL
    SELECT account_no, version_no, format('account %s: it says that it has %s records, and has %s', account_no, records,
                                          true_records)
      FROM judged WHERE is_last AND records <> true_records
    UNION ALL
    SELECT account_no, version_no, format('account %s: the instant of its last change is not that of any decision behind all its own',
                                          account_no)
      FROM judged WHERE is_last AND (is_behind OR is_ahead)
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no, version_no LIMIT 10) AS findings;

-- name: revenue_account_answers
-- Each version against the answer that bears its stamp, field by field as the answer writes them; what was deleted says how
-- many records went with it.
WITH told AS MATERIALIZED (
    SELECT v.*, a.account_id, a.created_at, a.deleted_at, a.records,
           (e.kind, e.type, e.aggregatetype, e.aggregateid, e.occurred_at)
               = (1, CASE WHEN v.deleted THEN 'revenue.account_deleted' WHEN v.version_no = 1 THEN 'revenue.account_created'
                          ELSE 'revenue.account_updated' END, 'revenue', a.account_id, v.changed_at) AS is_told,
           said_in(e.payload) AS said
      FROM revenue_account_version AS v LEFT JOIN revenue_account AS a USING (account_no)
      LEFT JOIN every_event AS e ON e.lane_no = v.lane_no AND e.seq = v.seq
     WHERE account_no >= $1 AND account_no < $2
), judged AS (
    SELECT account_no, version_no, format('version %s of account %s', version_no, account_no) AS named, is_told,
           (said ->> 'account_id', said ->> 'name', said ->> 'tier', said ->> 'version', said ->> 'created_at')
               = (account_id, name, tier, version_no::text,
                  to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
           AND (NOT deleted OR (said ->> 'records', said ->> 'deleted_at')
                = (records::text, to_char(deleted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))) AS fits
      FROM told
), bad AS (
    SELECT account_no, version_no, named || ': no answer tells of it' AS finding FROM judged WHERE is_told IS NOT TRUE
    UNION ALL
    SELECT account_no, version_no, named || ': its answer says something else' FROM judged WHERE is_told AND fits IS NOT TRUE
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no, version_no LIMIT 10) AS findings;

-- name: revenue_records
-- Each version against the one before it, and each record against its last. Who deletes changes nothing else. Nothing happens
-- to a record before its account is there, or after that is deleted.
WITH versions AS (
    SELECT v.*, partition, lag(version_no, 1, 0) OVER w AS before, lag(v) OVER w AS prior,
           lead(version_no) OVER w IS NULL AS is_last,
           ROW(changed_at, partition, v.seq) < ROW(lag(changed_at) OVER w, lag(partition) OVER w, lag(v.seq) OVER w) AS is_early
      FROM revenue_record_version AS v LEFT JOIN lane USING (lane_no) WHERE account_no >= $1 AND account_no < $2
    WINDOW w AS (PARTITION BY account_no, record_id ORDER BY version_no)
), lives AS (
    SELECT account_no, v.changed_at, partition, v.seq, v.deleted FROM revenue_account_version AS v JOIN lane USING (lane_no)
     WHERE account_no >= $1 AND account_no < $2 AND (v.version_no = 1 OR v.deleted)
), judged AS (
    SELECT account_no, record_id, v.version_no, format('record %s of account %s', record_id, account_no) AS named,
           v.before, v.is_last, v.is_early, r.account_no IS NULL AS lost, v.account_no IS NULL AS unfounded,
           (r.version_no, r.amount_minor, r.currency, r.period_start, r.period_end, r.deleted, r.decided_at)
               = (v.version_no, v.amount_minor, v.currency, v.period_start, v.period_end, v.deleted, v.changed_at) AS same,
           (v.prior).deleted AS is_late,
           NOT v.deleted OR (v.amount_minor, v.currency, v.period_start, v.period_end)
               = ((v.prior).amount_minor, (v.prior).currency, (v.prior).period_start, (v.prior).period_end) AS ends_whole,
           NOT EXISTS (SELECT FROM lives
                        WHERE lives.account_no = v.account_no AND NOT lives.deleted
                          AND (lives.changed_at, lives.partition, lives.seq) < (v.changed_at, v.partition, v.seq)) AS is_before,
           EXISTS (SELECT FROM lives
                    WHERE lives.account_no = v.account_no AND lives.deleted
                      AND (lives.changed_at, lives.partition, lives.seq) < (v.changed_at, v.partition, v.seq)) AS is_after
      FROM (SELECT * FROM revenue_record WHERE account_no >= $1 AND account_no < $2) AS r
      FULL JOIN versions AS v USING (account_no, record_id)
), bad AS (
    SELECT account_no, record_id, version_no, named || ': it has versions and no row' AS finding
      FROM judged WHERE lost AND is_last
    UNION ALL
    SELECT account_no, record_id, 0, named || ': it has a row and no version' FROM judged WHERE unfounded
    UNION ALL
    SELECT account_no, record_id, version_no, named || ': it is not as its last version says'
      FROM judged WHERE is_last AND NOT lost AND same IS NOT TRUE
    UNION ALL
    SELECT account_no, record_id, version_no, format('%s: version %s follows version %s', named, version_no, before)
      FROM judged WHERE version_no <> before + 1
    UNION ALL
    SELECT account_no, record_id, version_no, format('%s: version %s is older than the one before', named, version_no)
      FROM judged WHERE is_early
    UNION ALL
    SELECT account_no, record_id, version_no, format('%s: version %s was made after its deletion', named, version_no)
      FROM judged WHERE is_late
    UNION ALL
    SELECT account_no, record_id, version_no, format('%s: version %s deletes what never was so', named, version_no)
      FROM judged WHERE NOT unfounded AND ends_whole IS NOT TRUE
    UNION ALL
    SELECT account_no, record_id, version_no, format('%s: version %s was made while there was no such account', named, version_no)
      FROM judged WHERE NOT unfounded AND (is_before OR is_after)
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no, record_id, version_no LIMIT 10) AS findings;

-- name: revenue_record_answers
-- Each version against the answer that bears its stamp, field by field as the answer writes them.
WITH currencies AS (
    SELECT * FROM unnest($3::text[], $4::integer[]) AS known (currency, decimals)
), told AS MATERIALIZED (
    SELECT v.*, a.account_id, decimals,
           (e.kind, e.type, e.aggregatetype, e.aggregateid, e.occurred_at)
               = (1, CASE WHEN v.deleted THEN 'revenue.record_deleted' WHEN v.version_no = 1 THEN 'revenue.recorded'
                          ELSE 'revenue.record_changed' END, 'revenue', a.account_id, v.changed_at) AS is_told,
           said_in(e.payload) AS said
      FROM revenue_record_version AS v LEFT JOIN revenue_account AS a USING (account_no)
      LEFT JOIN every_event AS e ON e.lane_no = v.lane_no AND e.seq = v.seq LEFT JOIN currencies USING (currency)
     WHERE account_no >= $1 AND account_no < $2
), judged AS (
    SELECT account_no, record_id, version_no,
           format('version %s of record %s of account %s', version_no, record_id, account_no) AS named, is_told,
           (said ->> 'record_id', said ->> 'account_id', said ->> 'version', said ->> 'amount', said ->> 'currency',
            said ->> 'period_start', said ->> 'period_end')
               = (record_id, account_id, version_no::text, round(amount_minor / 10::numeric ^ decimals, decimals)::text,
                  currency, to_char(period_start, 'YYYY-MM-DD'), to_char(period_end, 'YYYY-MM-DD')) AS fits
      FROM told
), bad AS (
    SELECT account_no, record_id, version_no, named || ': no answer tells of it' AS finding
      FROM judged WHERE is_told IS NOT TRUE
    UNION ALL
    SELECT account_no, record_id, version_no, named || ': its answer says something else'
      FROM judged WHERE is_told AND fits IS NOT TRUE
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no, record_id, version_no LIMIT 10) AS findings;

-- name: revenue_answers
-- The other way round: each answer that tells of a change is that of a version.
WITH told AS MATERIALIZED (
    SELECT seq, type, aggregateid, said_in(payload) AS said FROM every_event
     WHERE lane_no = $1 AND seq >= $2 AND seq < $3 AND kind = 1 AND starts_with(type, 'revenue.') AND type <> 'revenue.rejected'
), numbered AS (
    SELECT told.seq, type, a.account_no, said ->> 'record_id' AS record_id,
           CASE WHEN said ->> 'version' ~ '^[0-9]{1,9}$' THEN (said ->> 'version')::integer END AS version_no
      FROM told LEFT JOIN revenue_account AS a ON a.account_id = aggregateid
), judged AS (
    SELECT numbered.seq, type, change.seq IS NOT DISTINCT FROM numbered.seq AS is_so
      FROM numbered
      LEFT JOIN LATERAL (
          SELECT seq FROM revenue_account_version AS v
           WHERE starts_with(type, 'revenue.account_')
             AND (v.account_no, v.version_no, v.lane_no) = (numbered.account_no, numbered.version_no, $1)
          UNION ALL
          SELECT seq FROM revenue_record_version AS v
           WHERE starts_with(type, 'revenue.record') AND (v.account_no, v.record_id, v.version_no, v.lane_no)
                 = (numbered.account_no, numbered.record_id, numbered.version_no, $1)
          LIMIT 1) AS change ON true
), bad AS (
    SELECT seq, format('event %s of lane %s: it is %s, and nothing has so changed', seq, $1, type) AS finding
      FROM judged WHERE NOT is_so
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;
