-- name: refunded
-- Behind the locks of the accounts: two refunds of one settlement wait for one another there. A sum of its own for each
-- keeps the planner from joining over the whole table. $1 integer[] lane_no, $2 bigint[] seq
SELECT wanted.lane_no AS original_lane_no, wanted.seq AS original_seq, back.amount_minor
  FROM unnest($1::integer[], $2::bigint[]) AS wanted (lane_no, seq)
 CROSS JOIN LATERAL (SELECT sum(amount_minor)::bigint AS amount_minor FROM refund
                      WHERE original_lane_no = wanted.lane_no AND original_seq = wanted.seq) AS back
 WHERE back.amount_minor IS NOT NULL;

-- name: audit_refunds
-- Each refund against the settlement that it gives back a part of. A house account is told by its id: the settlement may
-- have been made in another lane. $1 lane, $2 the first seq, $3 the one after the last
WITH judged AS (
    SELECT coalesce(t.seq, back.seq) AS seq, back.lane_no IS NULL AS refunds_nothing, t.lane_no IS NULL AS moves_nothing,
           o.kind IN (7, 8) AND o.refusal IS NULL AND o.posted_at <= t.posted_at AS of_a_settlement,
           (t.amount_minor, t.currency, t.posted_at) = (back.amount_minor, o.currency, back.refunded_at)
               AND t.destination_no = o.source_no AND source.account_id = destination.account_id AS mirrors
      FROM (SELECT * FROM every_transaction WHERE lane_no = $1 AND seq >= $2 AND seq < $3 AND kind = 9 AND refusal IS NULL) AS t
      FULL JOIN (SELECT * FROM refund WHERE lane_no = $1 AND seq >= $2 AND seq < $3) AS back ON back.seq = t.seq
      LEFT JOIN every_transaction AS o ON o.lane_no = back.original_lane_no AND o.seq = back.original_seq
      LEFT JOIN account AS source ON source.account_no = t.source_no
      LEFT JOIN account AS destination ON destination.account_no = o.destination_no
), bad AS (
    SELECT seq, format('refund %s of lane %s: it names no settlement', seq, $1) AS finding FROM judged WHERE refunds_nothing
    UNION ALL
    SELECT seq, format('refund %s of lane %s: it is no posted transaction', seq, $1) FROM judged WHERE moves_nothing
    UNION ALL
    SELECT seq, format('refund %s of lane %s: what it gives back is no posted settlement before it', seq, $1)
      FROM judged WHERE NOT refunds_nothing AND NOT moves_nothing AND of_a_settlement IS NOT TRUE
    UNION ALL
    SELECT seq, format('refund %s of lane %s: it is not the settlement turned round', seq, $1)
      FROM judged WHERE of_a_settlement AND mirrors IS NOT TRUE
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;

-- name: audit_refund_sums
-- Cut by the settlement's stamp, so that all refunds of one lie in one slice. $1 lane, $2 the first seq, $3 the one after
-- the last
WITH judged AS (
    SELECT original_seq, t.amount_minor, sum(back.amount_minor) AS back_minor
      FROM refund AS back JOIN every_transaction AS t ON t.lane_no = original_lane_no AND t.seq = original_seq
     WHERE original_lane_no = $1 AND original_seq >= $2 AND original_seq < $3
     GROUP BY original_seq, t.amount_minor
), bad AS (
    SELECT original_seq, format('transaction %s of lane %s: %s of its %s came back',
                                original_seq, $1, back_minor, amount_minor) AS finding
      FROM judged WHERE back_minor > amount_minor
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY original_seq LIMIT 10) AS findings;
