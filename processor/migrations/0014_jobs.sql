-- Jobs: what a command begins and somebody works on for longer than a batch lasts. Exports and imports are kinds of it.

-- How a job ends is told once (6), and again (7) to whoever sends its command again.
DO $$
DECLARE events regclass;
BEGIN
    FOREACH events IN ARRAY ARRAY['event'::regclass, 'cold.event'::regclass] LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT event_kind_known, DROP CONSTRAINT event_kind_has_its_columns,
            ADD CONSTRAINT event_kind_known CHECK (kind BETWEEN 1 AND 7),
            ADD CONSTRAINT event_kind_has_its_columns CHECK (
                (kind = 5) = (command_id IS NULL) AND (kind = 1) = (fingerprint IS NOT NULL)
                AND (kind IN (2, 5, 7)) = (payload IS NULL))', events);
        EXECUTE format('CREATE UNIQUE INDEX %s ON %s (command_id) WHERE kind = 6', 'event_one_end_per_command', events);
    END LOOP;
END $$;

CREATE SEQUENCE job_no AS bigint;

-- One row per job. Batches make and cancel it; whoever works on it raises `attempt`, and may change the row for as long as
-- that is still its own: a worker that was frozen finds another's number, and has lost.
CREATE TABLE job (
    job_no bigint PRIMARY KEY,
    context text NOT NULL,
    job_id text NOT NULL,                   -- the import_id or export_id
    lane_no integer NOT NULL,               -- the stamp of its request's answer
    seq bigint NOT NULL,
    kind text NOT NULL,                     -- what is to be done
    task bytea NOT NULL,                    -- how: JSON that the context writes and its workers read
    state smallint NOT NULL DEFAULT 1,      -- 1 ACCEPTED -> 2 RUNNING -> 3 COMPLETED or 4 FAILED; 1 or 2 -> 5 CANCELLED
    attempt integer NOT NULL DEFAULT 0,     -- the fence: part of every key that is written for the job
    holder text,                            -- who works on it
    leased_until timestamptz,               -- from then on another may take it
    progress bytea NOT NULL DEFAULT '{}',   -- JSON: how far it has come, for readers and for who takes it over
    outcome bytea,                          -- JSON: what the event said that ended it
    version bigint NOT NULL DEFAULT 1,
    decided_at timestamptz NOT NULL,        -- the instant of the last change that was told
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT job_exists UNIQUE (context, job_id),
    CONSTRAINT job_state_known CHECK (state BETWEEN 1 AND 5),
    CONSTRAINT job_running_is_held CHECK (state <> 2 OR (attempt > 0 AND holder IS NOT NULL AND leased_until IS NOT NULL)),
    CONSTRAINT job_ends_once CHECK ((state >= 3) = (ended_at IS NOT NULL))
) WITH (fillfactor = 50);

-- What is waiting to be worked on, in the order in which it was asked for.
CREATE INDEX job_open ON job (context, job_no) WHERE state < 3;
