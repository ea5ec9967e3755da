-- Chunks of imports. A slice is a run of them: $1 bigint and $2 integer the first, $3 and $4 the one after the last; a chunk
-- lies in one slice with all its lines. Rows and what is told of them are committed at once, so a statement, one snapshot, sees
-- both or neither.

-- name: next_chunk_slice
-- $1 and $2 the slice's first chunk, $3 how many
SELECT job_no, chunk_no FROM activity_chunk WHERE (job_no, chunk_no) > ($1::bigint, $2::integer)
 ORDER BY job_no, chunk_no OFFSET $3::bigint - 1 LIMIT 1;

-- name: chunks
-- A chunk against its rows, its rejects, the chunk before it, and what was told with its stamp; the last one of an import
-- against how far that has come.
WITH judged AS MATERIALIZED (
    SELECT c.job_no, c.chunk_no, job.job_no IS NOT NULL AS has_import,
           c.chunk_no = 1 OR before.chunk_no IS NOT NULL AS follows,
           c.imported = (SELECT count(DISTINCT row_no) FROM activity_line WHERE row_no >= c.first_row_no AND row_no < c.end_row_no) AS has_rows,
           c.rejected = (SELECT count(*) FROM activity_reject AS r
                          WHERE r.job_no = c.job_no AND r.file_no = c.file_no AND r.line_no <= c.end_line_no
                            AND r.line_no >= CASE before.file_no WHEN c.file_no THEN before.end_line_no ELSE 0 END
                            AND r.chunk_no = c.chunk_no) AS has_rejects,
           (e.kind, e.type) = (4, 'activity.import_progressed')
               AND ROW(e.said ->> 'import_id', e.said ->> 'lines', e.said ->> 'imported', e.said ->> 'rejected', e.said ->> 'duplicate')
                   = ROW(job.job_id, (c.lines + coalesce((b.said ->> 'lines')::bigint, 0))::text, (c.imported + coalesce((b.said ->> 'imported')::bigint, 0))::text,
                         (c.rejected + coalesce((b.said ->> 'rejected')::bigint, 0))::text, (c.duplicate + coalesce((b.said ->> 'duplicate')::bigint, 0))::text) AS is_told,
           after.chunk_no IS NOT NULL OR said_in(job.progress) @> jsonb_build_object(
               'lines', e.said -> 'lines', 'imported', e.said -> 'imported',
               'rejected', e.said -> 'rejected', 'duplicate', e.said -> 'duplicate') AS is_come
      FROM activity_chunk AS c
      LEFT JOIN job ON job.job_no = c.job_no AND job.context = 'activity'
      LEFT JOIN activity_chunk AS before ON before.job_no = c.job_no AND before.chunk_no = c.chunk_no - 1
      LEFT JOIN activity_chunk AS after ON after.job_no = c.job_no AND after.chunk_no = c.chunk_no + 1
      LEFT JOIN LATERAL (SELECT kind, type, said_in(payload) AS said FROM every_event
                          WHERE (lane_no, seq) = (c.lane_no, c.seq)) AS e ON true
      LEFT JOIN LATERAL (SELECT said_in(payload) AS said FROM every_event
                          WHERE (lane_no, seq) = (before.lane_no, before.seq)) AS b ON true
     WHERE (c.job_no, c.chunk_no) >= ($1::bigint, $2::integer) AND (c.job_no, c.chunk_no) < ($3::bigint, $4::integer)
), bad AS (
    SELECT job_no, chunk_no, 'it belongs to no import' AS what FROM judged WHERE NOT has_import
    UNION ALL SELECT job_no, chunk_no, 'the chunk before it is missing' FROM judged WHERE NOT follows
    UNION ALL SELECT job_no, chunk_no, 'it has other rows than it has imported' FROM judged WHERE NOT has_rows
    UNION ALL SELECT job_no, chunk_no, 'it has other rejects than it has rejected' FROM judged WHERE NOT has_rejects
    UNION ALL SELECT job_no, chunk_no, 'what was told with it says otherwise' FROM judged WHERE has_import AND is_told IS NOT TRUE
    UNION ALL SELECT job_no, chunk_no, 'it is the last, and the import has come to somewhere else'
                FROM judged WHERE has_import AND is_told AND is_come IS NOT TRUE
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT format('import %s, chunk %s: %s', job_no, chunk_no, what) FROM bad ORDER BY job_no, chunk_no LIMIT 10) AS findings;

-- name: rows_of_chunks
-- Between the rows of chunks there are none: each row is of one chunk alone.
WITH chunks AS MATERIALIZED (
    SELECT first_row_no, end_row_no, lag(end_row_no, 1, -9223372036854775808) OVER (ORDER BY end_row_no, first_row_no) AS before
      FROM activity_chunk
    UNION ALL SELECT 9223372036854775807, 9223372036854775807, coalesce(max(end_row_no), -9223372036854775808) FROM activity_chunk
), bad AS (
    SELECT first_row_no, format('row %s: two chunks have it', first_row_no) AS finding FROM chunks WHERE first_row_no < before
    UNION ALL
    SELECT row_no, format('row %s: it is of no chunk', row_no)
      FROM chunks CROSS JOIN LATERAL (SELECT row_no FROM activity WHERE row_no >= before AND row_no < first_row_no LIMIT 10) AS stray
)
SELECT (SELECT count(*) FROM chunks) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY first_row_no LIMIT 10) AS findings;
