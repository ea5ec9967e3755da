-- Five years of revenue as if commands had come: each row with the event that answers it, in the order of time, so that what
-- an account has lies on as many pages as in books that have grown. What time and money are is computed: nothing is random.
--
-- Everything happens to all accounts at once, in slots: in 0 the account is created, in 1 to 60 what it has paid for a month
-- is recorded, and in 61 to 63 the records of months 20, 40 and 60 are corrected. In its lane a slot's events follow one
-- another by account, slot after slot. Two accounts of three are of the tier enterprise, the others pro and free by turns.
-- Records have the offsets below 0, so that the log goes on where a new topic begins. An event's id is what the engine would
-- have made it in epoch 1; the id of a command is its instant and its account.

-- name: add_lane
-- All that it will have told is counted before. $1 partition, $2 events, $3 the instant of the last
INSERT INTO lane (context, partition, start_offset, next_offset, next_seq, records, decided_at)
VALUES ('revenue', $1, -$2::bigint, 0, $2::bigint + 1, $2::bigint, $3)
RETURNING lane_no;

-- name: send_everything_of_revenue
-- As if a relay had.
INSERT INTO relay_position (lane_no, sent) SELECT lane_no, next_seq - 1 FROM lane WHERE context = 'revenue';

-- name: add_accounts
-- Numbered from 1. $1 integer[] lane_no, $2 bigint[] the seq of the event that tells of the account, $3 the first instant,
-- $4 the last
WITH made AS (
    SELECT account_no, 'bench-' || lpad(account_no::text, 6, '0') AS account_id, lane_no, seq, $3::timestamptz AS created_at,
           'Customer ' || account_no || CASE account_no % 4 WHEN 0 THEN ', Inc.' ELSE '' END AS name,
           CASE account_no % 6 WHEN 0 THEN 'free' WHEN 3 THEN 'pro' ELSE 'enterprise' END AS tier
      FROM unnest($1::integer[], $2::bigint[]) WITH ORDINALITY AS asked (lane_no, seq, account_no)
), accounts AS (
    INSERT INTO revenue_account (account_no, account_id, name, tier, version_no, records, created_at, lane_no, seq, version, decided_at)
    SELECT account_no, account_id, name, tier, 1, 60, created_at, lane_no, seq, 64, $4 FROM made
), versions AS (
    INSERT INTO revenue_account_version (lane_no, seq, changed_at, account_no, version_no, deleted, name, tier)
    SELECT lane_no, seq, created_at, account_no, 1, false, name, tier FROM made
), numbered AS (
    SELECT setval('revenue_account_no', max(account_no)) AS account_no FROM made
), told AS (
    SELECT made.*, records, numbered.account_no IS NULL AS nobody,
           regexp_replace(lpad(to_hex((extract(epoch FROM created_at) * 1000)::bigint), 12, '0'), '.{4}$', '-\&')
               || '-7000-8000-' || lpad(to_hex(made.account_no), 12, '0') AS command_id,
           to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS instant
      FROM made JOIN lane USING (lane_no) CROSS JOIN numbered
)
INSERT INTO event (lane_no, seq, kind, source_offset, occurred_at, id, command_id, aggregatetype, aggregateid, type, payload, fingerprint)
SELECT lane_no, seq, 1, seq - records - 1, created_at,
       ('00000001' || lpad(to_hex(lane_no), 4, '0') || '800080' || lpad(to_hex(seq), 14, '0'))::uuid,
       command_id::uuid, 'revenue', account_id, 'revenue.account_created',
       convert_to(format('{"type":"revenue.account_created","account_id":"%s","name":"%s","tier":"%s","created_at":"%s","version":1,'
           '"command_id":"%s","command_type":"revenue.create_account","occurred_at":"%4$s","replayed":false}',
           account_id, name, tier, instant, command_id), 'UTF8'),
       convert_to(format('{"type":"revenue.create_account","command_id":"","account_id":"%s","name":"740843de6a06acb9","tier":"%s"}',
           account_id, tier), 'UTF8')
  FROM told;

-- name: add_records
-- Some slots of the accounts of some lanes. What a record is in the end is written at once; nothing but its amount has
-- changed. $1 integer[] lane_no, $2 integer[] accounts of each, $3 the first instant, $4 the first slot, $5 the slot after
-- the last
WITH slots AS MATERIALIZED (
    SELECT slot, month, slot > 60 AS is_change, month % 20 = 0 AS is_corrected, made_at, corrected_at,
           first_day::date AS period_start, (first_day + interval '1 month' - interval '1 day')::date AS period_end,
           'r-' || to_char(first_day, 'YYYY-MM') AS record_id,
           to_char(made_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS instant,
           regexp_replace(lpad(to_hex((extract(epoch FROM made_at) * 1000)::bigint), 12, '0'), '.{4}$', '-\&') AS command_head
      FROM generate_series($4::integer, $5::integer - 1) AS slot
     CROSS JOIN LATERAL (SELECT CASE WHEN slot > 60 THEN (slot - 60) * 20 ELSE slot END AS month) AS placed
     CROSS JOIN LATERAL (SELECT $3::timestamptz + make_interval(months => month - 1) AS first_day,
                                $3::timestamptz + make_interval(months => 59, days => 20, hours => month / 20) AS corrected_at) AS dated
     CROSS JOIN LATERAL (SELECT CASE WHEN slot > 60 THEN corrected_at ELSE first_day + interval '2 days' END AS made_at) AS done
), made AS MATERIALIZED (
    SELECT slots.*, a.account_no, a.account_id, a.lane_no, a.seq + slot * accounts AS seq, lane.records,
           CASE a.account_no % 10 WHEN 0 THEN 'USD' ELSE 'EUR' END AS currency,
           command_head || '-7000-8000-' || lpad(to_hex(a.account_no), 12, '0') AS command_id,
           CASE WHEN (a.account_no + month) % 50 = 0 THEN -1 ELSE 1 END * (1000 + (a.account_no * 7919 + month * 104729) % 900000)
               AS first_minor
      FROM slots CROSS JOIN unnest($1::integer[], $2::integer[]) AS asked (lane_no, accounts)
      JOIN lane USING (lane_no) JOIN revenue_account AS a USING (lane_no)
     ORDER BY slot, a.account_no
), priced AS MATERIALIZED (
    SELECT *, first_minor + CASE WHEN is_change THEN 100 ELSE 0 END AS amount_minor FROM made
), records AS (
    INSERT INTO revenue_record (account_no, record_id, version_no, amount_minor, currency, period_start, period_end, deleted,
                                version, decided_at)
    SELECT account_no, record_id, CASE WHEN is_corrected THEN 2 ELSE 1 END, first_minor + CASE WHEN is_corrected THEN 100 ELSE 0 END,
           currency, period_start, period_end, false, CASE WHEN is_corrected THEN 2 ELSE 1 END,
           CASE WHEN is_corrected THEN corrected_at ELSE made_at END
      FROM priced WHERE NOT is_change
), versions AS (
    INSERT INTO revenue_record_version (lane_no, seq, changed_at, account_no, version_no, amount_minor, period_start, period_end,
                                        deleted, record_id, currency)
    SELECT lane_no, seq, made_at, account_no, CASE WHEN is_change THEN 2 ELSE 1 END, amount_minor, period_start, period_end,
           false, record_id, currency
      FROM priced
)
INSERT INTO event (lane_no, seq, kind, source_offset, occurred_at, id, command_id, aggregatetype, aggregateid, type, payload, fingerprint)
SELECT lane_no, seq, 1, seq - records - 1, made_at,
       ('00000001' || lpad(to_hex(lane_no), 4, '0') || '800080' || lpad(to_hex(seq), 14, '0'))::uuid,
       command_id::uuid, 'revenue', account_id, CASE WHEN is_change THEN 'revenue.record_changed' ELSE 'revenue.recorded' END,
       convert_to(concat('{"type":"', CASE WHEN is_change THEN 'revenue.record_changed' ELSE 'revenue.recorded' END,
           '","record_id":"', record_id, '","account_id":"', account_id, '","amount":"', amount_minor * 0.01, '","currency":"', currency,
           '","period_start":"', period_start, '","period_end":"', period_end, '","version":', CASE WHEN is_change THEN '2' ELSE '1' END,
           ',"command_id":"', command_id, '","command_type":"',
           CASE WHEN is_change THEN 'revenue.change_record' ELSE 'revenue.record' END, '","occurred_at":"', instant, '","replayed":false}'),
           'UTF8'),
       convert_to(concat('{"type":"', CASE WHEN is_change THEN 'revenue.change_record' ELSE 'revenue.record' END,
           '","command_id":"","record_id":"', record_id, '","account_id":"', account_id, '","amount":"', trim_scale(amount_minor * 0.01),
           CASE WHEN is_change THEN '"}' ELSE concat('","currency":"', currency, '","period_start":"', period_start,
                                                     '","period_end":"', period_end, '"}') END), 'UTF8')
  FROM priced;

-- name: analyze_events_of_revenue
-- In books that have grown nearly all of their pages were vacuumed long ago: that is not done beside what is measured.
ALTER TABLE event SET (autovacuum_enabled = off);
ANALYZE event;

-- name: vacuum_revenue
-- What a server does by itself in quiet hours.
VACUUM (ANALYZE, PARALLEL 0) revenue_account, revenue_account_version, revenue_record, revenue_record_version, lane;

-- name: write_down
-- Likewise.
CHECKPOINT;

-- name: plain_query
-- What somebody asks who has no need of a cut: the same records as they are now. $1 tier, $2 the first period_start, $3 the one
-- after the last
SELECT account_id, name, tier, record_id, decimal_of(amount_minor, currency) AS amount, currency, period_start, period_end
  FROM live_revenue JOIN live_revenue_account USING (account_no, account_id)
 WHERE tier = $1 AND period_start >= $2::date AND period_start < $3::date ORDER BY account_no, period_start, record_id
