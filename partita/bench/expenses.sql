-- A year of expenses as if commands had come: each row with the event that answers it, in the order of time, so that what a
-- user has lies on as many pages as in books that have grown. What time and money are is computed: nothing is random.
--
-- Everything happens to all users at once, in slots, and the number of a slot is that of the user's change: in 0 the user is
-- created, in 1 and 2 recurring entries are set, then come 105 slots for each month, and 8 budgets at the end. In a month slot
-- k adds an expense, in 1 and 51 by the recurring entries; the last five change the notes of every twentieth. In its lane a
-- slot's events follow one another by user, slot after slot; in one lane the rates stand before them. Records have the
-- offsets below 0, so that the log goes on where a new topic begins. An event's id is what the engine would have made it in
-- epoch 1; the id of a command is its instant and its user.

-- name: add_lane
-- All that it will have told is counted before. $1 partition, $2 events, $3 the instant of the last
INSERT INTO lane (context, partition, start_offset, next_offset, next_seq, records, decided_at)
VALUES ('expenses', $1, -$2::bigint, 0, $2::bigint + 1, $2::bigint, $3)
RETURNING lane_no;

-- name: send_everything_of_expenses
-- As if a relay had.
INSERT INTO relay_position (lane_no, sent) SELECT lane_no, next_seq - 1 FROM lane WHERE context = 'expenses';

-- name: add_rates
-- Of each currency on the first of each month, all known before the year begins. $1 lane_no, $2 the year's first instant
WITH known AS (
    SELECT row_number() OVER (ORDER BY month, base) AS seq, base, (year + make_interval(months => month))::date AS date,
           prefix || (2 * month + 11) AS rate, year - interval '2 hours' AS set_at, $1::integer AS lane_no
      FROM (SELECT $2::timestamptz AS year) AS begin
     CROSS JOIN generate_series(0, 11) AS month
     CROSS JOIN (VALUES ('USD', '0.9'), ('GBP', '1.1'), ('CHF', '1.0')) AS currency (base, prefix)
), versions AS (
    INSERT INTO rate_version (lane_no, seq, set_at, date, rate_no, base, quote, rate)
    SELECT lane_no, seq, set_at, date, 1, base, 'EUR', rate FROM known
), rates AS (
    INSERT INTO rate (base, quote, date, rate, rate_no, decided_at) SELECT base, 'EUR', date, rate, 1, set_at FROM known
), book AS (
    UPDATE rate_book SET decided_at = (SELECT max(set_at) FROM known)
), told AS (
    SELECT known.*, records, lpad(to_hex(seq), 8, '0') || '-0000-7000-8000-000000000000' AS command_id,
           to_char(set_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS instant
      FROM known JOIN lane USING (lane_no)
)
INSERT INTO event (lane_no, seq, kind, source_offset, occurred_at, id, command_id, aggregatetype, aggregateid, type, payload, fingerprint)
SELECT lane_no, seq, 1, seq - records - 1, set_at,
       ('00000001' || lpad(to_hex(lane_no), 4, '0') || '800080' || lpad(to_hex(seq), 14, '0'))::uuid,
       command_id::uuid, 'expenses', base, 'rate.defined',
       convert_to(format('{"type":"rate.defined","base":"%s","quote":"EUR","date":"%s","rate":"%s","version":1,"command_id":"%s",'
           '"command_type":"rate.set","occurred_at":"%s","replayed":false}', base, date, rate, command_id, instant), 'UTF8'),
       convert_to(format('{"type":"rate.set","command_id":"","base":"%s","quote":"EUR","date":"%s","rate":"%s"}', base, date, rate), 'UTF8')
  FROM told;

-- name: add_users
-- Numbered from 1. $1 integer[] lane_no, $2 bigint[] the seq of the event that tells of the user, $3 the year's first instant,
-- $4 bigint the number of the last change
WITH made AS (
    SELECT user_no, 'bench-' || lpad(user_no::text, 6, '0') AS user_id, lane_no, seq, year - interval '1 hour' AS created_at,
           year + interval '11 months 27 days 7 minutes' AS decided_at
      FROM (SELECT $3::timestamptz AS year) AS begin
     CROSS JOIN unnest($1::integer[], $2::bigint[]) WITH ORDINALITY AS asked (lane_no, seq, user_no)
), users AS (
    INSERT INTO expense_user (user_no, user_id, base_currency, timezone, last_change_no, created_at, lane_no, seq, version, decided_at)
    SELECT user_no, user_id, 'EUR', 'UTC', $4::bigint, created_at, lane_no, seq, $4 + 1, decided_at FROM made
), numbered AS (
    SELECT setval('user_no', max(user_no)) AS user_no FROM made
), told AS (
    SELECT made.*, records, numbered.user_no IS NULL AS nobody,
           regexp_replace(lpad(to_hex((extract(epoch FROM created_at) * 1000)::bigint), 12, '0'), '.{4}$', '-\&')
               || '-7000-8000-' || lpad(to_hex(made.user_no), 12, '0') AS command_id,
           to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS instant
      FROM made JOIN lane USING (lane_no) CROSS JOIN numbered
)
INSERT INTO event (lane_no, seq, kind, source_offset, occurred_at, id, command_id, aggregatetype, aggregateid, type, payload, fingerprint)
SELECT lane_no, seq, 1, seq - records - 1, created_at,
       ('00000001' || lpad(to_hex(lane_no), 4, '0') || '800080' || lpad(to_hex(seq), 14, '0'))::uuid,
       command_id::uuid, 'expenses', user_id, 'user.created',
       convert_to(format('{"type":"user.created","user_id":"%s","base_currency":"EUR","timezone":"UTC","command_id":"%s",'
           '"command_type":"user.create","occurred_at":"%s","replayed":false}', user_id, command_id, instant), 'UTF8'),
       convert_to(format('{"type":"user.create","command_id":"","user_id":"%s","base_currency":"EUR","timezone":"2b5a7a2b6f0c1d3e"}', user_id), 'UTF8')
  FROM told;

-- name: add_recurring
-- Two entries of each user, each of which has made its twelve expenses. $1 integer[] lane_no, $2 integer[] users of each,
-- $3 the year's first instant
WITH made AS (
    SELECT u.user_no, u.user_id, u.lane_no, u.seq + slot * users AS seq, slot AS change_no, recurring_id, category,
           amount_minor, year::date + day - 1 AS starts_on, (year + interval '1 year')::date - 1 AS ends_on,
           year - interval '1 hour' + slot * interval '10 minutes' AS set_at,
           year + interval '11 months' + place * interval '22217 seconds' AS decided_at
      FROM (SELECT $3::timestamptz AS year) AS begin
     CROSS JOIN (VALUES (1, 'rent', 'Housing', 80000, 1, 0), (2, 'player', 'Subscriptions', 1299, 13, 50))
             AS entry (slot, recurring_id, category, amount_minor, day, place)
     CROSS JOIN unnest($1::integer[], $2::integer[]) AS asked (lane_no, users) JOIN expense_user AS u USING (lane_no)
     ORDER BY slot, u.user_no
), entries AS (
    INSERT INTO recurring (user_no, recurring_id, rules, next_on, next_due_at, version, decided_at)
    SELECT user_no, recurring_id, 1, NULL, NULL, 13, decided_at FROM made
), rules AS (
    INSERT INTO recurring_rule (lane_no, seq, changed_at, user_no, change_no, rule_no, effective_from, amount_minor, frequency,
                                starts_on, stopped, ends_on, recurring_id, currency, category, notes)
    SELECT lane_no, seq, set_at, user_no, change_no, 1, starts_on, amount_minor, 3, starts_on, false, ends_on, recurring_id, 'EUR', category, ''
      FROM made
), told AS (
    SELECT made.*, records, (amount_minor * 0.01)::text AS amount, to_char(set_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS instant,
           regexp_replace(lpad(to_hex((extract(epoch FROM set_at) * 1000)::bigint), 12, '0'), '.{4}$', '-\&')
               || '-7000-8000-' || lpad(to_hex(user_no), 12, '0') AS command_id
      FROM made JOIN lane USING (lane_no)
)
INSERT INTO event (lane_no, seq, kind, source_offset, occurred_at, id, command_id, aggregatetype, aggregateid, type, payload, fingerprint)
SELECT lane_no, seq, 1, seq - records - 1, set_at,
       ('00000001' || lpad(to_hex(lane_no), 4, '0') || '800080' || lpad(to_hex(seq), 14, '0'))::uuid,
       command_id::uuid, 'expenses', user_id, 'recurring.defined',
       convert_to(format('{"type":"recurring.defined","recurring_id":"%s","user_id":"%s","amount":"%s","currency":"EUR","category":"%s",'
           '"frequency":"monthly","starts_on":"%s","ends_on":"%s","notes":"","effective_from":"%5$s","next_on":"%5$s","change_no":%7$s,'
           '"command_id":"%s","command_type":"recurring.set","occurred_at":"%s","replayed":false}',
           recurring_id, user_id, amount, category, starts_on, ends_on, change_no, command_id, instant), 'UTF8'),
       convert_to(format('{"type":"recurring.set","command_id":"","recurring_id":"%s","user_id":"%s","amount":"%s","currency":"EUR",'
           '"category":"82d0d14a00fc7e0b","frequency":"monthly","starts_on":"%s","ends_on":"%s"}',
           recurring_id, user_id, amount, starts_on, ends_on), 'UTF8')
  FROM told;

-- name: add_budgets
-- Of eight categories, for every month, when the year's spending is done: none has told a threshold. $1 integer[] lane_no,
-- $2 integer[] users of each, $3 the year's first instant, $4 the first slot
WITH made AS (
    SELECT u.user_no, u.user_id, u.lane_no, u.seq + slot * users AS seq, slot AS change_no, category, limit_minor,
           year + interval '11 months 27 days' + (slot - $4) * interval '1 minute' AS set_at
      FROM (SELECT $3::timestamptz AS year) AS begin
     CROSS JOIN (VALUES (0, 'Groceries', 50000), (1, 'Food', 60000), (2, 'Transport', 40000), (3, 'Housing', 100000),
                        (4, 'Health', 30000), (5, 'Clothing', 30000), (6, 'Entertainment', 30000), (7, 'Travel', 30000))
             AS entry (place, category, limit_minor)
     CROSS JOIN LATERAL (SELECT $4::bigint + place AS slot) AS placed
     CROSS JOIN unnest($1::integer[], $2::integer[]) AS asked (lane_no, users) JOIN expense_user AS u USING (lane_no)
     ORDER BY slot, u.user_no
), entries AS (
    INSERT INTO budget (user_no, category, month, limit_minor, decided_at) SELECT user_no, category, NULL, limit_minor, set_at FROM made
), versions AS (
    INSERT INTO budget_version (lane_no, seq, changed_at, user_no, change_no, month, limit_minor, category)
    SELECT lane_no, seq, set_at, user_no, change_no, NULL, limit_minor, category FROM made
), told AS (
    SELECT made.*, records, (limit_minor * 0.01)::text AS cap, to_char(set_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS instant,
           regexp_replace(lpad(to_hex((extract(epoch FROM set_at) * 1000)::bigint), 12, '0'), '.{4}$', '-\&')
               || '-7000-8000-' || lpad(to_hex(user_no), 12, '0') AS command_id
      FROM made JOIN lane USING (lane_no)
)
INSERT INTO event (lane_no, seq, kind, source_offset, occurred_at, id, command_id, aggregatetype, aggregateid, type, payload, fingerprint)
SELECT lane_no, seq, 1, seq - records - 1, set_at,
       ('00000001' || lpad(to_hex(lane_no), 4, '0') || '800080' || lpad(to_hex(seq), 14, '0'))::uuid,
       command_id::uuid, 'expenses', user_id, 'budget.defined',
       convert_to(format('{"type":"budget.defined","user_id":"%s","category":"%s","month":null,"limit":"%s","base_currency":"EUR",'
           '"change_no":%s,"command_id":"%s","command_type":"budget.set","occurred_at":"%s","replayed":false}',
           user_id, category, cap, change_no, command_id, instant), 'UTF8'),
       convert_to(format('{"type":"budget.set","command_id":"","user_id":"%s","category":"82d0d14a00fc7e0b","limit":"%s"}', user_id, cap), 'UTF8')
  FROM told;

-- name: add_expenses
-- Some slots of the year, of the users of some lanes. One in ten is spent in another currency. What an expense is in the end
-- is written at once; nothing but its notes has changed. $1 integer[] lane_no, $2 integer[] users of each, $3 the year's
-- first instant, $4 the first slot, $5 the slot after the last
WITH slots AS MATERIALIZED (
    SELECT slot, month, k, j, made_at, changed_at, added_at::date AS date, to_char(added_at, 'YYYY-MM-DD') AS day,
           CASE WHEN j % 20 = 0 THEN slot + 100 + j / 20 - k END AS last_slot,
           CASE j WHEN 1 THEN 'rent' WHEN 51 THEN 'player' END AS recurring_id,
           CASE WHEN k > 100 THEN 'receipt kept, see the folder' WHEN slot % 3 = 1 THEN 'paid by card at the station' ELSE '' END AS notes,
           to_char(made_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS instant,
           regexp_replace(lpad(to_hex((extract(epoch FROM made_at) * 1000)::bigint), 12, '0'), '.{4}$', '-\&') AS command_head,
           regexp_replace(lpad(to_hex((extract(epoch FROM added_at) * 1000)::bigint), 12, '0'), '.{4}$', '-\&') AS added_head
      FROM generate_series($4::bigint, $5::bigint - 1) AS slot
     CROSS JOIN LATERAL (SELECT ((slot - 3) / 105)::integer AS month, ((slot - 3) % 105 + 1)::integer AS k) AS placed
     CROSS JOIN LATERAL (SELECT CASE WHEN k > 100 THEN (k - 100) * 20 ELSE k END AS j,
                                $3::timestamptz + make_interval(months => month) AS begins) AS counted
     CROSS JOIN LATERAL (SELECT begins + (k - 1) * interval '22217 seconds' AS made_at, begins + (j - 1) * interval '22217 seconds' AS added_at,
                                begins + (99 + j / 20) * interval '22217 seconds' AS changed_at) AS dated
), drawn AS (
    SELECT slots.*, u.user_no, u.user_id, u.lane_no, u.seq + slot * users AS seq, records, lpad(to_hex(user_no), 12, '0') AS tail,
           user_no * 7919 + (slot + j - k) * 104729 AS dice
      FROM slots CROSS JOIN unnest($1::integer[], $2::integer[]) AS asked (lane_no, users)
      JOIN lane USING (lane_no) JOIN expense_user AS u USING (lane_no)
), spent AS (
    SELECT *, CASE WHEN recurring_id IS NULL THEN added_head || '-7001-8000-' || tail ELSE 'recurring:' || recurring_id || ':' || day END AS expense_id,
           command_head || '-7000-8000-' || tail AS command_id,
           CASE recurring_id WHEN 'rent' THEN 80000 WHEN 'player' THEN 1299 ELSE 100 + dice % 9901 END AS amount_minor,
           CASE recurring_id WHEN 'rent' THEN 'Housing' WHEN 'player' THEN 'Subscriptions'
                ELSE ('{Groceries,Groceries,Groceries,Groceries,Groceries,Food,Food,Food,Food,Transport,Transport,Transport,Health,Clothing,
                        Entertainment,Entertainment,Travel,Gifts,Education,Other}'::text[])[1 + (dice / 7) % 20] END AS category,
           CASE WHEN recurring_id IS NULL AND dice % 10 = 7 THEN 1 + (dice / 11 % 3)::integer ELSE 0 END AS abroad
      FROM drawn
), made AS MATERIALIZED (
    SELECT *, (amount_minor * 0.01)::text AS amount, CASE abroad WHEN 0 THEN amount_minor ELSE round(amount_minor * rate::numeric)::bigint END AS base_minor,
           CASE WHEN recurring_id IS NOT NULL THEN NULL WHEN k > 100 OR dice % 4 = 0 THEN 'laptop-' || user_no ELSE 'phone-' || user_no END AS device_id
      FROM spent
     CROSS JOIN LATERAL (SELECT ('{EUR,USD,GBP,CHF}'::text[])[1 + abroad] AS currency,
                                CASE abroad WHEN 0 THEN '1' ELSE ('{0.9,1.1,1.0}'::text[])[abroad] || (2 * month + 11) END AS rate) AS rated
     ORDER BY slot, user_no
), expenses AS (
    INSERT INTO expense (user_no, expense_id, version_no, change_no, date, category, amount_minor, currency, base_minor, rate_over,
                         rate_under, notes, device_id, recurring_id, deleted, version, decided_at)
    SELECT user_no, expense_id, CASE WHEN last_slot IS NULL THEN 1 ELSE 2 END, coalesce(last_slot, slot), date, category, amount_minor,
           currency, base_minor, rate, '1', CASE WHEN last_slot IS NULL THEN notes ELSE 'receipt kept, see the folder' END,
           CASE WHEN last_slot IS NULL THEN device_id ELSE 'laptop-' || user_no END, recurring_id, false,
           CASE WHEN last_slot IS NULL THEN 1 ELSE 2 END, CASE WHEN last_slot IS NULL THEN made_at ELSE changed_at END
      FROM made WHERE k <= 100
), versions AS (
    INSERT INTO expense_version (lane_no, seq, changed_at, user_no, change_no, version_no, date, amount_minor, base_minor, deleted,
                                 expense_id, category, currency, rate_over, rate_under, notes, device_id, recurring_id)
    SELECT lane_no, seq, made_at, user_no, slot, CASE WHEN k > 100 THEN 2 ELSE 1 END, date, amount_minor, base_minor, false,
           expense_id, category, currency, rate, '1', notes, device_id, recurring_id
      FROM made
), entries AS (
    INSERT INTO recurring_entry (lane_no, seq, made_at, user_no, date, recurring_id, expense_id)
    SELECT lane_no, seq, made_at, user_no, date, recurring_id, expense_id FROM made WHERE recurring_id IS NOT NULL
)
INSERT INTO event (lane_no, seq, kind, source_offset, occurred_at, id, command_id, aggregatetype, aggregateid, type, payload, fingerprint)
SELECT lane_no, seq, 1, seq - records - 1, made_at,
       ('00000001' || lpad(to_hex(lane_no), 4, '0') || '800080' || lpad(to_hex(seq), 14, '0'))::uuid,
       command_id::uuid, 'expenses', user_id, CASE WHEN k > 100 THEN 'expense.changed' ELSE 'expense.added' END,
       convert_to(concat(
           '{"type":"', CASE WHEN k > 100 THEN 'expense.changed' ELSE 'expense.added' END, '","expense_id":"', expense_id, '","user_id":"', user_id,
           '","version":', CASE WHEN k > 100 THEN '2' ELSE '1' END, ',"amount":"', amount, '","currency":"', currency, '","category":"', category,
           '","date":"', day, '","notes":"', notes, '","device_id":', coalesce('"' || device_id || '"', 'null'),
           ',"recurring_id":', coalesce('"' || recurring_id || '"', 'null'), ',"base_amount":"', (base_minor * 0.01)::text,
           '","base_currency":"EUR","rate":"', rate, '","change_no":', slot, ',"command_id":"', command_id, '","command_type":"',
           CASE WHEN k > 100 THEN 'expense.change' WHEN recurring_id IS NULL THEN 'expense.add' ELSE 'recurring.materialise' END,
           '","occurred_at":"', instant, '","replayed":false}'), 'UTF8'),
       convert_to(CASE
           WHEN k > 100 THEN concat('{"type":"expense.change","command_id":"","expense_id":"', expense_id, '","user_id":"', user_id,
                                    '","base_version":1,"notes":"740843de6a06acb9","device_id":"b360e4555950e3fa"}')
           WHEN recurring_id IS NULL THEN concat('{"type":"expense.add","command_id":"","expense_id":"', expense_id, '","user_id":"', user_id,
                                    '","amount":"', amount, '","currency":"', currency, '","category":"82d0d14a00fc7e0b","date":"', day,
                                    '","notes":"740843de6a06acb9","device_id":"b360e4555950e3fa"}')
           ELSE concat('{"type":"recurring.materialise","command_id":"","recurring_id":"', recurring_id, '","user_id":"', user_id,
                       '","date":"', day, '"}') END, 'UTF8')
  FROM made;

-- name: add_sums
-- From the raw rows, in the order of months.
INSERT INTO expense_summary (user_no, month, category, spent_minor, expenses, told, version, decided_at)
SELECT user_no, date_trunc('month', date::timestamp)::date AS month, category, sum(base_minor), count(*), 0, count(*), max(decided_at)
  FROM expense GROUP BY user_no, month, category ORDER BY month, user_no;

-- name: analyze_events
-- In books that have grown nearly all of their pages were vacuumed long ago: that is not done beside what is measured.
ALTER TABLE event SET (autovacuum_enabled = off);
ANALYZE event;

-- name: vacuum_others
-- What a server does by itself in quiet hours.
VACUUM (ANALYZE, PARALLEL 0) expense, expense_version, expense_summary, budget, budget_version, recurring, recurring_rule,
       recurring_entry, expense_user, rate, rate_version, lane;

-- name: checkpoint
-- Likewise.
CHECKPOINT;

-- name: sizes
-- Bytes of what expenses take: rows, and the indexes on them.
SELECT relname AS name, pg_table_size(oid) AS rows_bytes, pg_indexes_size(oid) AS indexes_bytes
  FROM pg_class
 WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
   AND relname IN ('event', 'expense', 'expense_version', 'expense_summary', 'budget', 'budget_version', 'recurring',
                   'recurring_rule', 'recurring_entry', 'expense_user')
 ORDER BY relname;

-- name: answered
-- How many of these commands have their answer in the books. $1 uuid[]
SELECT count(*) FROM event WHERE kind = 1 AND command_id = ANY($1::uuid[]);

-- name: read_once
-- A table or an index from its first byte to its last, as files lie on the disk: what it costs is a disk's speed, and from
-- then on its pages come from memory, as far as that goes. Files end at a gigabyte. $1 text its name
SELECT coalesce(sum(octet_length(pg_read_binary_file(path, place * 8388608::bigint, 8388608, true))), 0)::bigint AS bytes
  FROM (SELECT pg_relation_filepath($1::text::regclass) || CASE file WHEN 0 THEN '' ELSE '.' || file END AS path, place
          FROM generate_series(0, pg_relation_size($1::text::regclass) / 1073741824) AS file, generate_series(0, 127) AS place) AS parts;
