-- The scheduler: what it has done, and what it finds its work by.

-- When each job ran, for people and for what runs once a period. Losing a row, or never writing it, repeats commands that
-- are known by their ids.
CREATE TABLE job_run (
    context text NOT NULL,
    job text NOT NULL,
    last_run_at timestamptz NOT NULL,       -- as of which instant all that was due had been published
    last_period timestamptz NOT NULL,       -- where the period of that instant begins
    published bigint NOT NULL DEFAULT 0,    -- commands, or what a job of another kind counts, so far
    missed bigint NOT NULL DEFAULT 0,       -- periods that went by without a run, and were caught up, so far
    PRIMARY KEY (context, job)
) WITH (fillfactor = 50);

-- Holds that are to be swept.
CREATE INDEX hold_due ON hold (expires_at, account_no, hold_id) WHERE status = 1 AND expires_at IS NOT NULL;

-- Whether a command came to nothing.
CREATE INDEX dead_letter_by_command ON dead_letter (command_id) WHERE command_id IS NOT NULL;
