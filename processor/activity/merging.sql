-- name: merge_lock
-- One transaction at a time, until it ends: what it finds new is new, and row numbers rise in the order of commits.
SELECT pg_advisory_xact_lock(hashtextextended('activity rows', 0));

-- name: known
-- Which events have a row already. One text in and bytes out, in order, which costs a tenth of arrays and records. $1 UUIDs with commas
SELECT string_agg(uuid_send(event_id), '' ORDER BY event_id) FROM activity WHERE event_id = ANY (string_to_array($1::text, ',')::uuid[]);

-- name: number_merchants
-- The numbers of merchants; who has none gets the next. Each is looked up by index, however many there are. $1 text[] each once
WITH given AS MATERIALIZED (
    SELECT g.merchant_id, g.place, (SELECT m.merchant_no FROM activity_merchant AS m WHERE m.merchant_id = g.merchant_id) AS known
      FROM unnest($1::text[]) WITH ORDINALITY AS g (merchant_id, place)
), numbered AS MATERIALIZED (
    SELECT *, coalesce(known, (SELECT coalesce(max(merchant_no), 0) FROM activity_merchant)
                              + row_number() OVER (PARTITION BY known IS NULL ORDER BY place)) AS merchant_no
      FROM given
), added AS (
    INSERT INTO activity_merchant (merchant_no, merchant_id) SELECT merchant_no, merchant_id FROM numbered WHERE known IS NULL
)
SELECT merchant_no FROM numbered ORDER BY place;

-- name: number_kinds
-- The numbers of kinds likewise. $1 to $6 text[] what each says, together each once
WITH given AS MATERIALIZED (
    SELECT g.*, (SELECT k.kind_no FROM activity_kind AS k
                  WHERE digest_of(ARRAY[k.product, k.event_type, k.status, k.channel, k.region, k.merchant_tier])
                      = digest_of(ARRAY[g.product, g.event_type, g.status, g.channel, g.region, g.merchant_tier])) AS known
      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
           WITH ORDINALITY AS g (product, event_type, status, channel, region, merchant_tier, place)
), numbered AS MATERIALIZED (
    SELECT *, coalesce(known, (SELECT coalesce(max(kind_no), 0) FROM activity_kind)
                              + row_number() OVER (PARTITION BY known IS NULL ORDER BY place)) AS kind_no
      FROM given
), added AS (
    INSERT INTO activity_kind (kind_no, product, event_type, status, channel, region, merchant_tier)
    SELECT kind_no, product, event_type, status, channel, region, merchant_tier FROM numbered WHERE known IS NULL
)
SELECT kind_no FROM numbered ORDER BY place;

-- name: last_row
-- The number of the last row.
SELECT coalesce(max(end_row_no), 1) - 1 FROM activity_chunk WHERE imported > 0;

-- name: reject
-- A line that is kept already was read by whoever has taken the import over; who comes too late finds that out at the job, in
-- this transaction, and rolls it back. $1 bigint job_no, $2 integer file_no, $3 integer chunk_no, $4 bigint[] line numbers, $5 text[] reasons, $6 text[] raw lines
INSERT INTO activity_reject (job_no, file_no, chunk_no, line_no, reason, raw)
SELECT $1, $2, $3, line_no, reason, raw FROM unnest($4::bigint[], $5::text[], $6::text[]) AS u (line_no, reason, raw)
    ON CONFLICT (job_no, file_no, line_no) DO NOTHING;

-- name: note_chunk
-- Its stamp is that of the last event of the lane, which was told in this transaction. $1 bigint job_no, $2 integer chunk_no,
-- $3 integer file_no, $4 integer lane_no, $5 bigint first row, $6 bigint row behind the last, $7 integer imported,
-- $8 integer rejected, $9 integer duplicate, $10 bigint offset, $11 bigint line number, $12 whether the file has ended
INSERT INTO activity_chunk (job_no, chunk_no, file_no, lane_no, seq, first_row_no, end_row_no, lines, imported, rejected,
                            duplicate, end_offset, end_line_no, is_last)
SELECT $1::bigint, $2::integer, $3::integer, lane_no, next_seq - 1, $5::bigint, $6::bigint, $7::integer + $8::integer + $9::integer,
       $7::integer, $8::integer, $9::integer, $10::bigint, $11::bigint, $12::boolean
  FROM lane WHERE lane_no = $4;

-- name: last_chunk
-- How far an import has come. $1 bigint job_no
SELECT chunk_no, file_no, end_offset, end_line_no, is_last FROM activity_chunk WHERE job_no = $1 ORDER BY chunk_no DESC LIMIT 1;

-- name: find_file
-- A file as it was when reading it began. $1 bigint job_no, $2 integer file_no
SELECT size, etag, modified FROM activity_file WHERE job_no = $1 AND file_no = $2;

-- name: note_file
-- Once; whoever reads on finds it as it was. $1 bigint job_no, $2 integer file_no, $3 name, $4 bigint bytes, $5 etag, $6 modified
INSERT INTO activity_file (job_no, file_no, name, size, etag, modified) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (job_no, file_no) DO NOTHING;
