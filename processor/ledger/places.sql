-- name: entries_before
-- The last entry of an account before each instant, 0 where there is none. $1 bigint account_no, $2 bigint the last entry to
-- look at, $3 timestamptz[]
SELECT instant, entry_before($1, $2, instant) AS entry_no FROM (SELECT DISTINCT unnest($3::timestamptz[]) AS instant) AS wanted;

-- name: last_entry_below
-- The last entry of an account below a cut, 0 where there is none; what is below it comes before what is not.
-- $1 bigint account_no, $2 bigint the last entry to look at, $3 integer[] lane_no, $4 bigint[] where each stood
WITH RECURSIVE half AS (
    SELECT 1::bigint AS low, $2::bigint + 1 AS high
    UNION ALL
    SELECT CASE WHEN is_below THEN middle + 1 ELSE low END, CASE WHEN is_below THEN high ELSE middle END
      FROM half CROSS JOIN LATERAL (
          SELECT entry_no AS middle,
                 coalesce(seq < ($4::bigint[])[array_position($3::integer[], lane_no)], false) AS is_below
            FROM every_entry WHERE account_no = $1 AND entry_no = (low + high) / 2 LIMIT 1) AS looked_at
     WHERE low < high
)
SELECT low - 1 FROM half WHERE low = high;
