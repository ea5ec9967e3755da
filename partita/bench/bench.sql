-- What the benches ask the database about what they have sent through it.

-- name: instant
-- From here on; the same clock that decisions are stamped with.
SELECT partita_clock();

-- name: batch_sizes
-- All events of a batch share its instant, and every record has one event that answers it; the others (kind 4) are
-- extras. $1 timestamptz: only batches from then on
SELECT count(*) AS batches,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY records) AS median,
       max(records) AS largest
  FROM (SELECT count(*) AS records FROM event WHERE kind <> 4 AND occurred_at >= $1 GROUP BY occurred_at) AS batch;

-- name: disk
-- Bytes of tables and indexes, and of everything ever written to the log of changes.
SELECT pg_database_size(current_database()) AS kept, pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS logged;

-- name: transactions
-- Commands that moved money; a bench in which one did not has measured something else.
SELECT count(*) FROM transaction WHERE refusal IS NULL;

-- name: let_a_day_pass
-- The clock is there to be moved forward by tests; a bench needs days that have ended.
UPDATE clock SET ahead = ahead + interval '1 day' RETURNING partita_clock();

-- name: send_everything
-- As if a relay had: there is none without Kafka.
INSERT INTO relay_position (lane_no, sent) SELECT lane_no, next_seq - 1 FROM lane
ON CONFLICT (lane_no) DO UPDATE SET sent = excluded.sent;

-- name: let_months_pass
-- What was applied so far is old from here on.
UPDATE clock SET ahead = ahead + interval '100 days';
