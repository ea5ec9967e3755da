-- name: share_rates
-- Whoever converts keeps all rates as they are until the commit; others may do so too. No lock of a row: those who share
-- one let each other in past whoever waits to set a rate, and this one is queued for.
SELECT pg_advisory_xact_lock_shared(hashtextextended('expenses rates', 0));

-- name: lock_rates
-- Whoever sets a rate waits for those who convert, and they for it.
SELECT pg_advisory_xact_lock(hashtextextended('expenses rates', 0));

-- name: last_setting
-- Behind the lock: whoever converts decides behind the last change of a rate.
SELECT decided_at FROM rate_book;

-- name: latest_decision
-- Behind that lock everybody who has converted is committed, so a rate that is set after the last decision of every lane
-- comes after them, whatever the clock does.
SELECT max(decided_at) FROM lane;

-- name: note_setting
-- $1 the instant at which rates were set
UPDATE rate_book SET decided_at = $1;

-- name: rates
-- Of each pair with a wanted currency as its quote the latest on or before the day, up to 31 days old; and the very rates
-- that may be set again. $1 text[] currency, $2 date[] day; $3 text[] base, $4 text[] quote, $5 date[] day
SELECT latest.* FROM unnest($1::text[], $2::date[]) AS wanted (quote, date)
 CROSS JOIN LATERAL (
    SELECT DISTINCT ON (base) * FROM rate
     WHERE rate.quote = wanted.quote AND rate.date BETWEEN wanted.date - 31 AND wanted.date
     ORDER BY base, rate.date DESC) AS latest
UNION
SELECT named_rate.* FROM unnest($3::text[], $4::text[], $5::date[]) AS named (base, quote, date)
 CROSS JOIN LATERAL (SELECT * FROM rate
                      WHERE quote = named.quote AND base = named.base AND date = named.date LIMIT 1) AS named_rate;

-- name: update_rates
-- The row is found by its place, which keeps the planner from reading a small table whole, and changed only where it is
-- still as it was read. $1 text[] base, $2 text[] quote, $3 date[], $4 text[] rate,
-- $5 integer[] how often it was set, $6 bigint[] version read, $7 instant
UPDATE rate SET rate = u.rate, rate_no = u.rate_no, version = rate.version + 1, decided_at = $7
  FROM unnest($1::text[], $2::text[], $3::date[], $4::text[], $5::integer[], $6::bigint[])
       AS u (base, quote, date, rate, rate_no, version)
 CROSS JOIN LATERAL (SELECT ctid AS place FROM rate
                      WHERE quote = u.quote AND base = u.base AND date = u.date AND version = u.version LIMIT 1) AS found
 WHERE rate.ctid = found.place;
