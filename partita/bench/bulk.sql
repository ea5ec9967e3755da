-- What the benches of imports and exports ask the books.

-- name: job
-- How far a job has come, and how long it took: both instants are those of what was told. $1 its id
SELECT state, attempt, progress, outcome, extract(epoch FROM ended_at - created_at)::float8 AS seconds FROM job WHERE job_id = $1;

-- name: make_bare_tables
-- What lines are copied into beside an import: of one text column, and of ten. No index, no constraint.
CREATE TABLE bare_line (line text);
CREATE TABLE bare_cells (event_id text, merchant_id text, event_timestamp text, product text, event_type text, amount text,
                         status text, channel text, region text, merchant_tier text);

-- name: empty_bare_tables
-- Each COPY begins with an empty table; its file is made anew by the same transaction, which is not the one that copies.
TRUNCATE bare_line, bare_cells;
