-- The five metrics, each one statement: what the rollups say, and what the rows behind them add. A statement is one snapshot, so
-- rows that are rolled up meanwhile are counted once. Where no row is behind the rollups, none is read.

-- name: settle_metrics
-- By index, whatever the planner believes of a table that was never analysed: rows behind the rollups are few, and often none.
-- What is read as a whole is joined by hash, and by this process alone. To begin parallel workers takes longer than all a metric reads.
SET LOCAL enable_seqscan = off;
SET LOCAL enable_nestloop = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL plan_cache_mode = force_custom_plan;
SET LOCAL work_mem = '64MB';

-- name: top_merchant
-- The merchant with the largest volume of SUCCESS, of equal ones the smallest id by code points. No row where nobody has any.
-- It is the one that the rollups name, or one of those behind them; only where the rows behind have taken something from the
-- one that is named, it may be any.
WITH behind AS MATERIALIZED (
    SELECT a.merchant_no, sum(a.amount_minor) AS volume_minor FROM activity_behind AS a JOIN activity_kind AS k USING (kind_no)
     WHERE k.status = 'SUCCESS' GROUP BY a.merchant_no
), volumes AS MATERIALIZED (
    SELECT b.merchant_no, b.volume_minor + coalesce(m.volume_minor, 0) AS volume_minor
      FROM behind AS b LEFT JOIN activity_rollup AS m ON m.merchant_no = b.merchant_no AND m.page = 0
    UNION ALL
    SELECT r.top_merchant_no, r.top_volume_minor FROM activity_rolled AS r
     WHERE r.top_merchant_no IS NOT NULL AND NOT EXISTS (SELECT FROM behind AS b WHERE b.merchant_no = r.top_merchant_no)
    UNION ALL
    SELECT m.merchant_no, m.volume_minor FROM activity_rollup AS m
     WHERE (SELECT true FROM behind AS b JOIN activity_rolled AS r ON b.merchant_no = r.top_merchant_no WHERE b.volume_minor < 0)
       AND m.volume_minor IS NOT NULL AND NOT EXISTS (SELECT FROM behind AS b WHERE b.merchant_no = m.merchant_no)
)
SELECT (SELECT m.merchant_id FROM activity_merchant AS m WHERE m.merchant_no = v.merchant_no) COLLATE "C" AS merchant_id,
       volume_minor * 0.01 AS volume
  FROM volumes AS v WHERE volume_minor = (SELECT max(volume_minor) FROM volumes) ORDER BY merchant_id LIMIT 1;

-- name: merchants_by_facet
-- How many merchants have each product, month or step. A merchant behind the rollups counts where its bit is not set.
-- $1 smallint kind
WITH behind AS (
    SELECT a.merchant_no, k.product AS name FROM activity_behind AS a JOIN activity_kind AS k USING (kind_no)
     WHERE $1::smallint = 1 GROUP BY 1, 2
    UNION ALL
    SELECT merchant_no, to_char(month, 'YYYY-MM')
      FROM (SELECT a.merchant_no, date_trunc('month', a.happened_at) AS month FROM activity_behind AS a JOIN activity_kind AS k USING (kind_no)
             WHERE $1::smallint = 2 AND k.status = 'SUCCESS' AND a.happened_at IS NOT NULL GROUP BY 1, 2) AS active
    UNION ALL
    SELECT a.merchant_no, k.event_type FROM activity_behind AS a JOIN activity_kind AS k USING (kind_no)
     WHERE $1::smallint = 3 AND k.status = 'SUCCESS' AND k.product = 'KYC'
       AND k.event_type IN ('DOCUMENT_SUBMITTED', 'VERIFICATION_COMPLETED', 'TIER_UPGRADE') GROUP BY 1, 2
), new AS (
    SELECT b.name, count(*) AS merchants
      FROM behind AS b LEFT JOIN activity_facet AS f ON f.kind = $1 AND f.name = b.name
      LEFT JOIN activity_rollup AS m ON m.merchant_no = b.merchant_no AND m.page = f.page
     WHERE m.bits IS NULL OR m.bits & f.bit = 0
     GROUP BY b.name
)
SELECT name, (coalesce(f.merchants, 0) + coalesce(n.merchants, 0))::bigint AS merchants
  FROM (SELECT name, merchants FROM activity_facet WHERE kind = $1) AS f FULL JOIN new AS n USING (name);

-- name: outcomes
-- How many rows of each product succeeded and failed.
SELECT product, sum(succeeded)::bigint AS succeeded, sum(failed)::bigint AS failed
  FROM (SELECT name AS product, succeeded, failed FROM activity_facet WHERE kind = 1
        UNION ALL
        SELECT k.product, count(*) FILTER (WHERE k.status = 'SUCCESS'), count(*) FILTER (WHERE k.status = 'FAILED')
          FROM activity_behind AS a JOIN activity_kind AS k USING (kind_no) GROUP BY k.product) AS counted
 GROUP BY product HAVING sum(succeeded) + sum(failed) > 0;
