-- name: accounts
-- A page of accounts in the order of their ids; what lies on a house account is the sum of its lanes. The unique index on
-- (account_id, lane_no) gives the order and ends the scan with the page. What has expired is available, whether or not
-- anybody has decided on the account since. $1 the id before, $2 rows, $3 with house accounts
WITH now AS MATERIALIZED (SELECT partita_clock() AS instant)
SELECT account_id, min(currency) AS currency, sum(ledger_minor)::numeric AS ledger_minor,
       sum(available_minor + CASE WHEN hold_expiry <= now.instant THEN expired_minor(account_no, now.instant) ELSE 0 END)::numeric
           AS available_minor,
       min(status) AS status
  FROM account, now
 WHERE account_id > $1::text AND ($3::boolean OR lane_no = 0)
 GROUP BY account_id
 ORDER BY account_id
 LIMIT $2::integer;

-- name: account
-- One customer's account as it is at this instant, and what it has earned and was not paid. $1 text account id
WITH now AS MATERIALIZED (SELECT partita_clock() AS instant)
SELECT account.*, now.instant, interest.carried, interest.unposted,
       available_minor + CASE WHEN hold_expiry <= now.instant THEN expired_minor(account_no, now.instant) ELSE 0 END AS spendable_minor
  FROM account CROSS JOIN now LEFT JOIN interest USING (account_no) WHERE account_id = $1::text AND lane_no = 0;

-- name: product
-- A product in its latest version. $1 text name
SELECT * FROM product WHERE product = $1::text;

-- name: open_holds
-- What is held at an instant, the oldest first. $1 bigint account_no, $2 instant
SELECT hold.*, answer.command_id
  FROM hold JOIN every_event AS answer USING (lane_no, seq)
 WHERE hold.account_no = $1 AND hold.status = 1 AND (hold.expires_at IS NULL OR hold.expires_at > $2)
 ORDER BY hold.placed_at, hold.hold_id;

-- name: account_transactions
-- What was posted on an account, and what was refused, the latest first. Of a transaction that was reversed its own legs
-- read so; fees and protection stay. $1 bigint account_no, $2 from, $3 rows
SELECT answer.command_id, t.initiated_at, read.*,
       EXISTS (SELECT FROM reversal AS r WHERE r.original_lane_no = t.lane_no AND r.original_seq = t.seq) AND CASE t.kind
           WHEN 1 THEN (read.entry_type, $1) IN ((4, t.source_no), (3, t.destination_no))
           WHEN 5 THEN EXISTS (
               SELECT FROM every_batch_leg AS leg WHERE leg.lane_no = t.lane_no AND leg.seq = t.seq
                  AND leg.amount_minor = abs(read.amount_minor) AND (read.entry_type, $1) IN ((4, leg.source_no), (3, leg.destination_no)))
           ELSE read.entry_type IN (1, 2) END AS reversed
  FROM (
    SELECT e.lane_no, e.seq, e.posted_at, e.entry_no, e.entry_type, e.amount_minor, e.balance_after_minor, NULL AS refusal
      FROM every_entry AS e WHERE e.account_no = $1 AND e.posted_at >= $2
    UNION ALL
    SELECT f.lane_no, f.seq, f.posted_at, NULL, NULL, CASE WHEN f.source_no = $1 THEN -f.amount_minor ELSE f.amount_minor END,
           NULL, f.refusal
      FROM every_transaction AS f
     WHERE f.posted_at >= $2 AND f.refusal IS NOT NULL AND $1 IN (f.source_no, f.destination_no)) AS read
  JOIN every_transaction AS t USING (lane_no, seq)
  JOIN every_event AS answer USING (lane_no, seq)
 ORDER BY read.posted_at DESC, read.lane_no DESC, read.seq DESC, read.entry_no DESC
 LIMIT $3;
