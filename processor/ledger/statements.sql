-- name: statement_account
-- A customer's account as far as it goes by now: a statement looks at no later entry. $1 text account id
SELECT account_no, account_id, currency, last_entry_no, ledger_minor FROM account WHERE account_id = $1::text AND lane_no = 0;

-- name: postings
-- Interest that was posted at or after an instant, and counts for days up to one. $1 bigint account_no, $2 instant,
-- $3 the last value date
SELECT value_date, posted_at, amount_minor, lane_no, seq FROM interest_posting
 WHERE account_no = $1 AND value_date <= $3 AND posted_at >= $2 AND amount_minor > 0;

-- name: posting_entries
-- The entries of postings, among the few of their instants: by number alone, for so compared a stamp is no condition of an
-- index. $1 bigint account_no, $2 integer[] lane_no, $3 bigint[] seq,
-- $4 bigint[] the entry before the instant, $5 bigint[] the last entry of the instant
SELECT posting.lane_no, posting.seq, found.entry_no
  FROM unnest($2::integer[], $3::bigint[], $4::bigint[], $5::bigint[]) AS posting (lane_no, seq, after, until)
 CROSS JOIN LATERAL (
     SELECT entry_no FROM every_entry AS e
      WHERE account_no = $1 AND entry_no > posting.after AND entry_no <= posting.until
        AND (e.lane_no, e.seq) IS NOT DISTINCT FROM (posting.lane_no, posting.seq) AND entry_type = 6 LIMIT 1) AS found;

-- name: balance_after
-- What an account had after one of its entries. $1 bigint account_no, $2 bigint entry_no
SELECT balance_after_minor FROM every_entry WHERE account_no = $1 AND entry_no = $2;

-- name: statement_lines
-- Entries by their numbers, with what their transactions say. LIMIT keeps the planner from turning the look-ups into joins
-- over whole tables. $1 bigint account_no, $2 bigint[] entry_no
SELECT e.entry_no, e.posted_at, e.entry_type, e.amount_minor, answer.command_id, t.description, t.reference
  FROM unnest($2::bigint[]) WITH ORDINALITY AS asked (entry_no, place)
 CROSS JOIN LATERAL (SELECT * FROM every_entry WHERE account_no = $1 AND entry_no = asked.entry_no LIMIT 1) AS e
 CROSS JOIN LATERAL (
     SELECT description, reference FROM every_transaction WHERE lane_no = e.lane_no AND seq = e.seq LIMIT 1) AS t
 CROSS JOIN LATERAL (SELECT command_id FROM every_event WHERE lane_no = e.lane_no AND seq = e.seq LIMIT 1) AS answer
 ORDER BY asked.place;
