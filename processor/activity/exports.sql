-- What the exports of activity copy. A slice is a chunk of an import.

-- name: import_below
-- An import that was taken on below a cut. $1 import_id, $2 integer[] the lanes of the cut, $3 bigint[] the first seq of each
-- that lies above it
SELECT job_no FROM job
 WHERE context = 'activity' AND job_id = $1 AND seq < ($3::bigint[])[array_position($2::integer[], lane_no)];

-- name: chunks_below
-- The chunks of an import that were told below a cut, in order. $1 bigint job_no, $2 and $3 the cut as above
SELECT chunk_no, file_no, first_row_no, end_row_no FROM activity_chunk
 WHERE job_no = $1 AND seq < ($3::bigint[])[array_position($2::integer[], lane_no)] ORDER BY chunk_no;

-- name: activity_rows
-- $1 bigint the first row, $2 the one after the last
SELECT event_id, csv_text(merchant_id) AS merchant_id, instant_text(happened_at AT TIME ZONE 'UTC') AS happened_at,
       csv_text(product) AS product, csv_text(event_type) AS event_type, decimal_of(amount_minor, 'NGN') AS amount, 'NGN' AS currency,
       csv_text(status) AS status, csv_text(channel) AS channel, csv_text(region) AS region, csv_text(merchant_tier) AS merchant_tier
  FROM activity_line WHERE row_no >= $1::bigint AND row_no < $2::bigint ORDER BY row_no;

-- name: activity_sums
-- What the same rows sum up to. $1 and $2 as above
SELECT 'NGN' AS currency, count(*) AS rows, coalesce(sum(amount_minor), 0)::numeric AS minor
  FROM activity WHERE row_no >= $1::bigint AND row_no < $2::bigint HAVING count(*) > 0;

-- name: reject_rows
-- $1 bigint job_no, $2 integer file_no, $3 integer chunk_no
SELECT csv_text(f.name) AS file, r.line_no, r.reason, csv_text(r.raw) AS raw
  FROM activity_reject AS r JOIN activity_file AS f USING (job_no, file_no)
 WHERE r.job_no = $1::bigint AND r.file_no = $2::integer AND r.chunk_no = $3::integer ORDER BY r.line_no;

-- name: reject_sums
-- How many the same are. $1 to $3 as above
SELECT NULL::text AS currency, count(*) AS rows, 0::numeric AS minor
  FROM activity_reject WHERE job_no = $1::bigint AND file_no = $2::integer AND chunk_no = $3::integer HAVING count(*) > 0;
