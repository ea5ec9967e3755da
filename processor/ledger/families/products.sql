-- name: lock_products
-- Behind the accounts, and always the whole set at once: two batches cannot wait for one another. $1 text[] names
SELECT * FROM product WHERE product = ANY($1::text[]) ORDER BY product FOR UPDATE;

-- name: share_products
-- Whoever charges by a product keeps it as it is until the commit; others may do so too. $1 text[] names
SELECT * FROM product WHERE product = ANY($1::text[]) ORDER BY product FOR SHARE;

-- name: latest_decision
-- Whoever has charged by a product has left no trace on its row. Behind the lock of that row all of them are committed, so
-- a change that is decided after the last decision of every lane comes after them, whatever the clock does.
SELECT max(decided_at) FROM lane;

-- name: update_products
-- Only where the row is still as it was read. $1 integer[] version of the product, $2 smallint[] account type,
-- $3 bigint[] fee, $4 integer[] fees a day, $5 integer[] a month, $6 boolean[] first waived, $7 boolean[] may exceed,
-- $8 integer[] grace, $9 integer[] day count, $10 text[] name, $11 text[] currency, $12 text[] interest,
-- $13 text[] tier mode, $14 text[] tiers, $15 bigint[] version read, $16 instant
UPDATE product SET product_version = u.product_version, account_type = u.account_type, fee_minor = u.fee_minor,
       fees_per_day = u.fees_per_day, fees_per_month = u.fees_per_month, first_fee_waived = u.first_fee_waived,
       fee_may_exceed_limit = u.fee_may_exceed_limit, grace_hours = u.grace_hours, day_count = u.day_count,
       currency = u.currency, interest = u.interest, tier_mode = u.tier_mode, tiers = u.tiers,
       version = product.version + 1, decided_at = $16
  FROM unnest($1::integer[], $2::smallint[], $3::bigint[], $4::integer[], $5::integer[], $6::boolean[], $7::boolean[],
              $8::integer[], $9::integer[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::bigint[])
       AS u (product_version, account_type, fee_minor, fees_per_day, fees_per_month, first_fee_waived,
             fee_may_exceed_limit, grace_hours, day_count, product, currency, interest, tier_mode, tiers, version)
 WHERE product.product = u.product AND product.version = u.version;

-- name: next_product_slice
-- $1 the first name, $2 rows
SELECT product FROM product WHERE product >= $1 ORDER BY product OFFSET $2 LIMIT 1;

-- name: audit_products
-- Each version against the answer that bears its stamp and the version before it; each product against its last. $1 the
-- first name, $2 the one after the last, null for no end
WITH versions AS (
    SELECT v.*, lag(product_version, 1, 0) OVER w AS before, lead(product_version) OVER w IS NULL AS is_last,
           lag(defined_at) OVER w > defined_at AS is_early,
           (e.kind, e.type, e.aggregateid, e.occurred_at) = (1, 'product.defined', v.product, v.defined_at) AS is_told
      FROM product_version AS v LEFT JOIN every_event AS e USING (lane_no, seq)
     WHERE product >= $1::text AND ($2::text IS NULL OR product < $2)
    WINDOW w AS (PARTITION BY product ORDER BY product_version)
), latest AS (
    SELECT * FROM product WHERE product >= $1 AND ($2::text IS NULL OR product < $2)
), judged AS (
    SELECT product, p.product IS NULL AS lost, v.product IS NULL AS unfounded, v.product_version, v.before, v.is_last,
           v.is_early, v.is_told,
           (p.product_version, p.account_type, p.fee_minor, p.fees_per_day, p.fees_per_month, p.first_fee_waived,
            p.fee_may_exceed_limit, p.grace_hours, p.day_count, p.currency, p.interest, p.tier_mode, p.tiers, p.decided_at)
               = (v.product_version, v.account_type, v.fee_minor, v.fees_per_day, v.fees_per_month, v.first_fee_waived,
                  v.fee_may_exceed_limit, v.grace_hours, v.day_count, v.currency, v.interest, v.tier_mode, v.tiers,
                  v.defined_at) AS same
      FROM latest AS p FULL JOIN versions AS v USING (product)
), bad AS (
    SELECT product, product_version, format('product %s: it has versions and no row', product) AS finding
      FROM judged WHERE lost AND is_last
    UNION ALL
    SELECT product, 0, format('product %s: it has a row and no version', product) FROM judged WHERE unfounded
    UNION ALL
    SELECT product, product_version, format('product %s: it is not as its last version says', product)
      FROM judged WHERE is_last AND NOT same
    UNION ALL
    SELECT product, product_version, format('product %s: version %s follows version %s', product, product_version, before)
      FROM judged WHERE product_version <> before + 1 OR is_early
    UNION ALL
    SELECT product, product_version, format('product %s: no answer tells of version %s', product, product_version)
      FROM judged WHERE NOT unfounded AND is_told IS NOT TRUE
    UNION ALL
    SELECT product, product_version, format('product %s: it is the bank''s and has no versions', product)
      FROM judged WHERE product IN ('plain', 'standard', 'savings')
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY product, product_version LIMIT 10) AS findings;
