-- Custody: which run of a consumer holds a lane, and how the runs before it ended; so that a record that ends its process
-- each time is found, wherever it is read.

CREATE TABLE custody (
    lane_no integer PRIMARY KEY,
    holder uuid,                             -- the run that has taken the lane up; null once it has let it go
    unclean_ends integer NOT NULL DEFAULT 0, -- runs in a row that ended without letting go, before suspect_until
    suspect_until bigint NOT NULL DEFAULT 0, -- what those runs had in hand lies below
    trial_offset bigint,                     -- the record that was last tried alone
    trial_began_at timestamptz,              -- when that try began, by the server's own clock; null: withdrawn, or counted
    trial_deaths integer NOT NULL DEFAULT 0, -- runs in a row that ended while that record was tried alone
    CONSTRAINT custody_counts_not_negative CHECK (unclean_ends >= 0 AND trial_deaths >= 0)
) WITH (fillfactor = 50);
