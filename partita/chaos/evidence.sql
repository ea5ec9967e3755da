-- name: events
-- Everything that was told, in the order in which it was numbered. $1 context
SELECT partition, seq, kind, source_offset, command_id, type, payload,
       to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS occurred_at
  FROM every_event JOIN lane USING (lane_no) WHERE context = $1 ORDER BY lane_no, seq;

-- name: entries
-- Everything that was booked.
SELECT account_id, entry_no, partition, seq, amount_minor, balance_after_minor
  FROM every_entry AS entry JOIN account USING (account_no) JOIN lane ON lane.lane_no = entry.lane_no ORDER BY account_no, entry_no;

-- name: accounts
-- Every row that has a balance; a house row has the partition of its lane, and no status.
SELECT account_id, partition, currency, ledger_minor, available_minor,
       CASE WHEN account_type <> 0 THEN (ARRAY['ACTIVE', 'FROZEN', 'CLOSED'])[status] END AS status
  FROM account LEFT JOIN lane USING (lane_no) ORDER BY account_no;
