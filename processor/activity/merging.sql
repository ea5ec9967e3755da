-- name: merge_lock
-- One transaction at a time, until it ends: what it finds new is new, and row numbers rise in the order of commits.
SELECT pg_advisory_xact_lock(hashtextextended('activity rows', 0));

-- name: known
-- Which events have a row already. One text in and one out, which costs a tenth of arrays and records. $1 UUIDs with commas
SELECT string_agg(event_id::text, ',') FROM activity WHERE event_id = ANY (string_to_array($1::text, ',')::uuid[]);

-- name: last_row
-- The number of the last row.
SELECT coalesce(max(row_no), 0) FROM activity;

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
