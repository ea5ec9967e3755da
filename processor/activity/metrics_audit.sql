-- The rollups against the rows they are of: those up to the number that was reached. Each statement is one snapshot, so rows may
-- be imported and rolled up meanwhile. Rows lie in no order of merchants: a slice of these is what their ids' hash says, and
-- each passes over all rows. $1 the slice, $2 how many there are

-- name: rolled_rows
-- How many numbers of rows are in the rollups.
SELECT row_no FROM activity_rolled;

-- name: rolled_merchants
-- Told anew facet by facet: a merchant has a bit where one of its rows says so, and the volume of its rows that are SUCCESS.
WITH own AS MATERIALIZED (
    SELECT merchant_id, product, date_trunc('month', happened_at) AS month, event_type, status = 'SUCCESS' AS succeeded,
           sum(amount_minor) AS amount
      FROM activity_line
     WHERE row_no <= (SELECT row_no FROM activity_rolled) AND abs(hashtext(merchant_id)::bigint) % $2::bigint = $1::bigint
     GROUP BY 1, 2, 3, 4, 5
), has AS (
    SELECT merchant_id, 1 AS kind, product AS name, sum(amount) FILTER (WHERE succeeded) AS amount FROM own GROUP BY merchant_id, product
    UNION ALL
    SELECT merchant_id, 2, to_char(month, 'YYYY-MM'), NULL FROM own WHERE succeeded AND month IS NOT NULL GROUP BY merchant_id, month
    UNION ALL
    SELECT merchant_id, 3, event_type, NULL FROM own
     WHERE succeeded AND product = 'KYC' AND event_type IN ('DOCUMENT_SUBMITTED', 'VERIFICATION_COMPLETED', 'TIER_UPGRADE')
     GROUP BY merchant_id, event_type
), facets AS (
    SELECT merchant_id, page, bit_or(bit) AS bits FROM has LEFT JOIN activity_facet USING (kind, name) GROUP BY merchant_id, page
), volumes AS (
    SELECT merchant_id, 0 AS page, sum(amount) AS volume FROM has WHERE kind = 1 GROUP BY merchant_id
), expected AS (
    SELECT merchant_id, page, coalesce(bits, 0) AS bits, volume
      FROM facets FULL JOIN volumes USING (merchant_id, page)
), bad AS (
    SELECT merchant_id, page, format('merchant %s, page %s: it has bits %s and volume %s, and its rows make bits %s and volume %s',
               merchant_id, page, coalesce(m.bits::text, 'none'), coalesce(m.volume::text, 'none'),
               coalesce(e.bits::text, 'none'), coalesce(e.volume::text, 'none')) AS finding
      FROM (SELECT merchant_id, page, bits, volume_minor AS volume FROM activity_rollup LEFT JOIN activity_merchant USING (merchant_no)
             WHERE abs(coalesce(hashtext(merchant_id), 0)::bigint) % $2::bigint = $1::bigint) AS m
      FULL JOIN expected AS e USING (merchant_id, page)
     WHERE m.bits IS DISTINCT FROM e.bits OR m.volume IS DISTINCT FROM e.volume
)
SELECT (SELECT count(*) FROM expected) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY merchant_id, page LIMIT 10) AS findings;

-- name: rolled_facets
-- Merchants by facet, told by their bits, the rows of each product, and the top merchant. Nothing is rolled up that is not there.
WITH bits AS (
    SELECT page, bits, count(*) AS merchants FROM activity_rollup GROUP BY page, bits
), had AS (
    SELECT facet_no, sum(b.merchants) AS merchants FROM activity_facet AS f JOIN bits AS b ON b.page = f.page AND b.bits & f.bit <> 0
     GROUP BY facet_no
), outcomes AS (
    SELECT 1 AS kind, product AS name, count(*) FILTER (WHERE status = 'SUCCESS') AS succeeded,
           count(*) FILTER (WHERE status = 'FAILED') AS failed
      FROM activity_line WHERE row_no <= (SELECT row_no FROM activity_rolled) GROUP BY product
), bad AS (
    SELECT kind, name, format('facet %s: it has %s merchants, %s SUCCESS and %s FAILED, and rows make %s, %s and %s', name,
               coalesce(f.merchants, 0), coalesce(f.succeeded, 0), coalesce(f.failed, 0),
               coalesce(h.merchants, 0), coalesce(r.succeeded, 0), coalesce(r.failed, 0)) AS finding
      FROM activity_facet AS f LEFT JOIN had AS h USING (facet_no) FULL JOIN outcomes AS r USING (kind, name)
     WHERE f.facet_no IS NULL OR f.merchants <> coalesce(h.merchants, 0) OR f.succeeded <> coalesce(r.succeeded, 0)
        OR f.failed <> coalesce(r.failed, 0)
    UNION ALL
    SELECT 0, 'top', format('the top merchant is named as %s with %s, and is %s with %s', r.top_merchant_no, r.top_volume_minor,
                            m.merchant_no, m.volume_minor)
      FROM activity_rolled AS r LEFT JOIN (
          SELECT u.merchant_no, u.volume_minor FROM activity_rollup AS u JOIN activity_merchant USING (merchant_no)
           WHERE u.volume_minor IS NOT NULL ORDER BY u.volume_minor DESC, merchant_id COLLATE "C" LIMIT 1) AS m ON true
     WHERE (r.top_merchant_no, r.top_volume_minor) IS DISTINCT FROM (m.merchant_no, m.volume_minor)
    UNION ALL
    SELECT 0, 'rows', format('rows up to %s are rolled up, and the last one is %s', row_no, coalesce((SELECT max(row_no) FROM activity), 0))
      FROM activity_rolled WHERE row_no > coalesce((SELECT max(row_no) FROM activity), 0)
)
SELECT (SELECT count(*) FROM activity_facet) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY kind, name LIMIT 10) AS findings;
