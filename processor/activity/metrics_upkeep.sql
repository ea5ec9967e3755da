-- Rows of activity come into the rollups: those behind the number up to which it was done before. $1 that number, $2 the last one.

-- name: settle_roll
-- Rows are found by their numbers, joined and grouped by hash, whatever a session plans by otherwise: the tables may never have
-- been analysed.
SET LOCAL enable_seqscan = off;
SET LOCAL enable_nestloop = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL enable_sort = off;
SET LOCAL plan_cache_mode = force_custom_plan;
SET LOCAL work_mem = '64MB';

-- name: unsettle_roll
-- What else the transaction does is planned as its session plans.
RESET enable_seqscan;
RESET enable_nestloop;
RESET enable_mergejoin;
RESET enable_sort;
RESET plan_cache_mode;
RESET work_mem;

-- name: behind
-- Up to where the rollups have come, and where the rows end.
SELECT row_no, last_row_no FROM activity_standing;

-- name: begin_roll
-- One rolls up at a time, until commit; whoever finds another at it has nothing to do. Where the rollups have come to is read
-- behind the lock.
SELECT row_no FROM activity_rolled FOR UPDATE SKIP LOCKED;

-- name: roll_facets
-- Products and months that are new get the next numbers, the most frequent first; rows that succeeded and failed are counted by
-- product.
WITH counted AS MATERIALIZED (
    SELECT k.product, r.day, CASE k.status WHEN 'SUCCESS' THEN 1 WHEN 'FAILED' THEN 2 END AS outcome, sum(r.rows) AS rows
      FROM (SELECT kind_no, happened_at::date AS day, count(*) AS rows FROM activity WHERE row_no > $1 AND row_no <= $2 GROUP BY 1, 2) AS r
      JOIN activity_kind AS k USING (kind_no) GROUP BY 1, 2, 3
), named AS MATERIALIZED (
    SELECT 1 AS kind, product AS name, sum(rows) AS rows, coalesce(sum(rows) FILTER (WHERE outcome = 1), 0) AS succeeded,
           coalesce(sum(rows) FILTER (WHERE outcome = 2), 0) AS failed
      FROM counted GROUP BY product
    UNION ALL
    SELECT 2, to_char(day, 'YYYY-MM'), sum(rows), 0, 0 FROM counted WHERE outcome = 1 AND day IS NOT NULL GROUP BY 2
), added AS (
    INSERT INTO activity_facet (facet_no, kind, name, succeeded, failed)
    SELECT (SELECT max(facet_no) FROM activity_facet) + row_number() OVER (ORDER BY rows DESC, kind, name COLLATE "C"),
           kind, name, succeeded, failed
      FROM named AS n WHERE NOT EXISTS (SELECT FROM activity_facet AS f WHERE f.kind = n.kind AND f.name = n.name)
)
UPDATE activity_facet AS f SET succeeded = f.succeeded + n.succeeded, failed = f.failed + n.failed
  FROM named AS n WHERE f.kind = n.kind AND f.name = n.name AND n.succeeded + n.failed > 0;

-- name: roll_merchants
-- Behind `roll_facets`, which has made a facet of whatever is looked up here. Of each merchant the bits that its rows set and the
-- volume of those that succeeded; what is new of the bits is counted by facet. Months are looked up by their days,
-- since the day of an instant costs less than its month. Further pages are looked for only where there are some.
WITH days AS MATERIALIZED (
    SELECT day::date AS day, page, bit
      FROM activity_facet, LATERAL (SELECT (name || '-01')::date AS first) AS month,
           generate_series(first, first + interval '1 month' - interval '1 day', interval '1 day') AS day
     WHERE kind = 2
), kinds AS MATERIALIZED (
    SELECT k.kind_no, k.status = 'SUCCESS' AS succeeded, f.page, f.bit,
           CASE WHEN k.status <> 'SUCCESS' OR k.product <> 'KYC' THEN 0 ELSE coalesce(s.bit, 0) END AS step
      FROM activity_kind AS k JOIN activity_facet AS f ON f.kind = 1 AND f.name = k.product
      LEFT JOIN activity_facet AS s ON s.kind = 3 AND s.name = k.event_type
), first_page AS (
    SELECT a.merchant_no, sum(a.amount_minor) FILTER (WHERE k.succeeded) AS volume_minor,
           bit_or(k.step | CASE k.page WHEN 0 THEN k.bit ELSE 0 END | CASE WHEN k.succeeded THEN coalesce(d.bit, 0) ELSE 0 END) AS bits
      FROM activity AS a JOIN kinds AS k USING (kind_no)
      LEFT JOIN (SELECT day, bit FROM days WHERE page = 0) AS d ON d.day = a.happened_at::date
     WHERE a.row_no > $1 AND a.row_no <= $2 GROUP BY a.merchant_no
), further AS (
    SELECT k.page, a.merchant_no, k.bit FROM activity AS a JOIN kinds AS k ON k.page > 0 AND k.kind_no = a.kind_no
     WHERE a.row_no > $1 AND a.row_no <= $2 AND (SELECT max(page) FROM activity_facet) > 0
    UNION ALL
    SELECT d.page, a.merchant_no, d.bit FROM activity AS a JOIN kinds AS k ON k.succeeded AND k.kind_no = a.kind_no
      JOIN days AS d ON d.page > 0 AND d.day = a.happened_at::date
     WHERE a.row_no > $1 AND a.row_no <= $2 AND (SELECT max(page) FROM activity_facet) > 0
), merged AS (
    MERGE INTO activity_rollup AS m
    USING (SELECT 0 AS page, merchant_no, bits, volume_minor FROM first_page
           UNION ALL SELECT page, merchant_no, bit_or(bit), NULL FROM further GROUP BY page, merchant_no) AS s
       ON m.merchant_no = s.merchant_no AND m.page = s.page
     WHEN MATCHED AND (s.bits & ~m.bits <> 0 OR s.volume_minor IS NOT NULL) THEN
          UPDATE SET bits = m.bits | s.bits,
                     volume_minor = CASE WHEN s.volume_minor IS NULL THEN m.volume_minor
                                         ELSE coalesce(m.volume_minor, 0) + s.volume_minor END
     WHEN NOT MATCHED THEN
          INSERT (page, merchant_no, bits, volume_minor) VALUES (s.page, s.merchant_no, s.bits, s.volume_minor)
    RETURNING m.page, new.bits & ~coalesce(old.bits, 0) AS bits
), new AS (
    SELECT f.facet_no, sum(alike.merchants) AS merchants
      FROM (SELECT page, bits, count(*) AS merchants FROM merged WHERE bits <> 0 GROUP BY page, bits) AS alike
      JOIN activity_facet AS f ON f.page = alike.page AND f.bit & alike.bits <> 0 GROUP BY f.facet_no
)
UPDATE activity_facet AS f SET merchants = f.merchants + n.merchants FROM new AS n WHERE f.facet_no = n.facet_no;

-- name: rolled
-- The rollups have come this far, and the merchant with the largest volume in them is known. $1 the last number
UPDATE activity_rolled SET row_no = $1, top_merchant_no = top.merchant_no, top_volume_minor = top.volume_minor
  FROM (SELECT 1) AS one LEFT JOIN (
      SELECT r.merchant_no, r.volume_minor FROM activity_rollup AS r JOIN activity_merchant AS m USING (merchant_no)
       WHERE r.volume_minor IS NOT NULL ORDER BY r.volume_minor DESC, m.merchant_id COLLATE "C" LIMIT 1) AS top ON true;

-- name: summarise
-- Ranges of pages that are new become known to the index of row numbers; until then each reading of a range passes over them. It
-- waits for nobody but who vacuums or alters the table.
SELECT brin_summarize_new_values('activity_row');
