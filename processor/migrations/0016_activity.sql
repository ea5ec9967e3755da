-- Activity: what merchants did, a row for each line that was imported, and what became of all other lines.
--
-- Rows are written by whoever reads an import's files, a chunk of lines in one transaction; how far an import has come is told
-- in that very transaction, in the lane of the import's answer. So a row is below a cut if the stamp of its chunk is.

CREATE TABLE activity (
    row_no bigint CONSTRAINT activity_row PRIMARY KEY,      -- 1, 2 and so on, in the order of commits
    event_id uuid NOT NULL CONSTRAINT activity_event_known UNIQUE,
    happened_at timestamp,                  -- UTC; null where the line's time could not be read
    amount numeric(15, 2) NOT NULL,         -- naira
    merchant_id text NOT NULL,
    product text NOT NULL,
    event_type text NOT NULL,
    status text NOT NULL,
    channel text NOT NULL,
    region text NOT NULL,
    merchant_tier text NOT NULL,
    amount_minor bigint GENERATED ALWAYS AS ((amount * 100)::bigint) VIRTUAL    -- kobo
);
SELECT keep_for_ever('activity');

-- The files of an import as they were found when reading began: another file in the place of one is seen by these.
CREATE TABLE activity_file (
    job_no bigint NOT NULL,
    file_no integer NOT NULL,               -- 1, 2 and so on, in the order of the command
    name text NOT NULL,
    size bigint NOT NULL,                   -- in bytes, as it is stored
    etag text NOT NULL,
    modified timestamptz NOT NULL,
    CONSTRAINT activity_file_of_import PRIMARY KEY (job_no, file_no)
);
SELECT keep_for_ever('activity_file');

-- What became of lines that follow each other in a file, committed at once.
CREATE TABLE activity_chunk (
    job_no bigint NOT NULL,
    chunk_no integer NOT NULL,              -- 1, 2 and so on over all files of the import
    file_no integer NOT NULL,
    lane_no integer NOT NULL,               -- with seq: the stamp of the event that told of it
    seq bigint NOT NULL,
    first_row_no bigint NOT NULL,           -- its rows have this number and those behind it,
    end_row_no bigint NOT NULL,             -- before this one; where it has none both are the next there would be
    lines integer NOT NULL,
    imported integer NOT NULL,
    rejected integer NOT NULL,
    duplicate integer NOT NULL,
    end_offset bigint NOT NULL,             -- of the file's bytes, decompressed: where to read on
    end_line_no bigint NOT NULL,            -- the number of the line there
    is_last boolean NOT NULL,               -- the file was read to its end
    CONSTRAINT activity_chunk_of_import PRIMARY KEY (job_no, chunk_no),
    CONSTRAINT activity_lines_add_up CHECK (lines = imported + rejected + duplicate),
    CONSTRAINT activity_chunk_counts CHECK (imported >= 0 AND rejected >= 0 AND duplicate >= 0),
    CONSTRAINT activity_chunk_holds_its_rows CHECK (imported = end_row_no - first_row_no)
);
SELECT keep_for_ever('activity_chunk');

-- Lines that break a rule, as they stand in the file; bytes that are no text are replaced.
CREATE TABLE activity_reject (
    job_no bigint NOT NULL,
    file_no integer NOT NULL,
    line_no bigint NOT NULL,                -- the heading is line 1; of a record over several lines the first
    chunk_no integer NOT NULL,
    reason text NOT NULL,
    raw text NOT NULL,
    CONSTRAINT activity_reject_of_line PRIMARY KEY (job_no, file_no, line_no)
);
SELECT keep_for_ever('activity_reject');
