-- name: audit_account_terms
-- The row of an account is as it was last agreed on. $1 account_no: the first; $3: the one after the last
WITH judged AS (
    SELECT account_no, account_id, terms.product IS NULL AS unfounded,
           (a.overdraft_limit_minor, a.good_standing, a.product)
               = (terms.overdraft_limit_minor, terms.good_standing, terms.product)
           AND a.protection_account_id IS NOT DISTINCT FROM terms.protection_account_id AS same
      FROM account AS a LEFT JOIN LATERAL (
          SELECT s.* FROM account_terms AS s LEFT JOIN lane USING (lane_no) WHERE s.account_no = a.account_no
           ORDER BY set_at DESC, partition DESC, seq DESC LIMIT 1) AS terms USING (account_no)
     WHERE account_no >= $1 AND account_no < $3 AND ($2::bigint, $4::bigint) IS NOT NULL AND account_type <> 0
), bad AS (
    SELECT account_no, format('account %s (%s): its terms were never set', account_no, account_id) AS finding
      FROM judged WHERE unfounded
    UNION ALL
    SELECT account_no, format('account %s (%s): limit, product, standing or protector are not as they were last set',
                              account_no, account_id)
      FROM judged WHERE NOT same
    UNION ALL
    SELECT s.account_no, format('account %s: its terms were set, and there is no such account', s.account_no)
      FROM account_terms AS s LEFT JOIN account AS a USING (account_no)
     WHERE s.account_no >= $1 AND s.account_no < $3 AND a.account_no IS NULL
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no LIMIT 10) AS findings;

-- name: audit_terms_told
-- What answers said of an account's terms was so then. An amount has all decimals of its currency: without the point it
-- is minor units. Metadata that look like these fields stand behind them. $1 lane, $2 the first seq, $3 the one after the
-- last
WITH told AS (
    SELECT seq, occurred_at, aggregateid, type, encode(payload, 'escape') AS said FROM every_event
     WHERE lane_no = $1 AND seq >= $2 AND seq < $3 AND kind = 1
       AND type IN ('account.opened', 'account.overdraft_set', 'account.product_set', 'account.protection_linked')
), fields AS (
    SELECT seq, occurred_at, aggregateid, type, substring(said FROM '"product":"([^"]*)"') AS product,
           replace(substring(said FROM '"overdraft_limit":"([0-9.]+)"'), '.', '')::numeric AS limit_minor,
           substring(said FROM '"protection_account_id":("[^"]*"|null)') AS protector
      FROM told
), judged AS (
    SELECT fields.seq, type, aggregateid,
           (terms.overdraft_limit_minor, terms.product, coalesce('"' || terms.protection_account_id || '"', 'null'))
               = (fields.limit_minor, fields.product, fields.protector) AS same
      FROM fields LEFT JOIN lane ON lane.lane_no = $1
      LEFT JOIN account AS a ON a.account_id = aggregateid AND a.lane_no = 0
      LEFT JOIN LATERAL (
          SELECT s.* FROM account_terms AS s LEFT JOIN lane AS own USING (lane_no)
           WHERE s.account_no = a.account_no AND set_at <= occurred_at
             AND (set_at, own.partition, s.seq) <= (occurred_at, lane.partition, fields.seq)
           ORDER BY set_at DESC, own.partition DESC, s.seq DESC LIMIT 1) AS terms ON true
), bad AS (
    SELECT seq, format('event %s of lane %s: it is %s, and says of account %s what was not so', seq, $1, type, aggregateid)
               AS finding
      FROM judged WHERE same IS NOT TRUE
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;

-- name: audit_protectors
-- Who may step in for an account as it is now. $1 account_no: the first; $3: the one after the last
WITH RECURSIVE linked AS (
    SELECT account_no, account_id, customer_id, currency, protection_account_id FROM account
     WHERE account_no >= $1 AND account_no < $3 AND ($2::bigint, $4::bigint) IS NOT NULL
       AND protection_account_id IS NOT NULL
), chain AS (
    SELECT account_no, account_id, protection_account_id FROM linked
    UNION
    SELECT chain.account_no, chain.account_id, next.protection_account_id
      FROM chain JOIN account AS next ON next.account_id = chain.protection_account_id AND next.lane_no = 0
     WHERE next.protection_account_id IS NOT NULL AND chain.account_id <> chain.protection_account_id
), judged AS (
    SELECT l.*, (p.status IN (1, 2) AND p.currency = l.currency
                 AND p.customer_id IS NOT DISTINCT FROM l.customer_id) IS TRUE AS fits
      FROM linked AS l LEFT JOIN account AS p ON p.account_id = l.protection_account_id AND p.lane_no = 0
), bad AS (
    SELECT account_no, format('account %s (%s): %s is to step in, and is closed, of another customer or currency, or none',
                              account_no, account_id, protection_account_id) AS finding
      FROM judged WHERE NOT fits
    UNION ALL
    SELECT account_no, format('account %s (%s): the way of those who step in leads back to it', account_no, account_id)
      FROM chain WHERE account_id = protection_account_id
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no LIMIT 10) AS findings;

-- name: audit_protections
-- Who stepped in was linked then, and to an account that its transaction debits. $1 lane, $2 the first seq, $3 the one
-- after the last
WITH judged AS (
    SELECT leg.seq, leg.leg_no, source.account_id, terms.protection_account_id,
           CASE t.kind WHEN 5 THEN EXISTS (
                   SELECT FROM every_batch_leg AS own
                    WHERE (own.lane_no, own.seq, own.source_no) = (leg.lane_no, leg.seq, leg.destination_no))
               ELSE t.source_no = leg.destination_no END AS helps
      FROM every_side_leg AS leg LEFT JOIN lane USING (lane_no) LEFT JOIN every_transaction AS t USING (lane_no, seq)
      LEFT JOIN account AS source ON source.account_no = leg.source_no
      LEFT JOIN LATERAL (
          SELECT protection_account_id FROM account_terms AS s LEFT JOIN lane AS own USING (lane_no)
           WHERE s.account_no = leg.destination_no AND set_at <= leg.posted_at
             AND (set_at, own.partition, s.seq) < (leg.posted_at, lane.partition, leg.seq)
           ORDER BY set_at DESC, own.partition DESC, s.seq DESC LIMIT 1) AS terms ON true
     WHERE leg.lane_no = $1 AND leg.seq >= $2 AND leg.seq < $3 AND leg.kind = 1
), bad AS (
    SELECT seq, format('transaction %s of lane %s: by side leg %s %s stepped in, and the protector was %s',
                       seq, $1, leg_no, account_id, coalesce(protection_account_id, 'nobody')) AS finding
      FROM judged WHERE account_id IS DISTINCT FROM protection_account_id
    UNION ALL
    SELECT seq, format('transaction %s of lane %s: by side leg %s %s stepped in for an account that is not debited',
                       seq, $1, leg_no, account_id)
      FROM judged WHERE helps IS NOT TRUE
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY seq LIMIT 10) AS findings;
