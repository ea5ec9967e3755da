-- Dead letters complete: why, where, with which headers; what was too large to publish; what was sent again, and by whom.

-- Dead letters ---------------------------------------------------------------------------------------------------------

-- What was kept before this knows neither its code nor its headers.
ALTER TABLE dead_letter
    ADD COLUMN code text NOT NULL DEFAULT 'unknown',         -- one of InvalidCode
    ADD COLUMN path text NOT NULL DEFAULT '$',               -- the place in the JSON
    ADD COLUMN command_id uuid,                              -- null where none could be read
    ADD COLUMN command_type text NOT NULL DEFAULT '',        -- empty where it could not be read, or no command has it
    ADD COLUMN headers bytea,                                -- MessagePack: [[name, value or nil], ...], both binary; null for none
    ADD COLUMN timestamp_ms bigint,                          -- the record's, as Kafka gave it
    ADD COLUMN timestamp_type smallint,                      -- 0 given by its sender, 1 by the broker
    ADD COLUMN masked boolean NOT NULL DEFAULT false,        -- key, value or headers are not as they came
    ADD CONSTRAINT dead_letter_timestamp_type_known CHECK (timestamp_type BETWEEN 0 AND 1);
ALTER TABLE dead_letter ALTER COLUMN code DROP DEFAULT;

-- Parked events --------------------------------------------------------------------------------------------------------

-- Events that their topic will never take. The relay writes the row before its position moves past the event.
CREATE TABLE parked (
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    topic text NOT NULL,
    bytes integer NOT NULL CONSTRAINT parked_has_a_size CHECK (bytes > 0), -- of the record as it was sent
    reason text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT partita_clock(),
    PRIMARY KEY (lane_no, seq)
);

-- Replays --------------------------------------------------------------------------------------------------------------

CREATE SEQUENCE replay_no AS bigint;

-- Two rows a replay: the intent, committed before anything is published, and where it went. An intent alone means that
-- nobody knows whether it arrived; its command id makes a second try harmless.
CREATE TABLE dead_letter_replay (
    replay_no bigint NOT NULL,
    step smallint NOT NULL,                 -- 1 intended, 2 published
    lane_no integer NOT NULL,               -- with seq: the dead letter
    seq bigint NOT NULL,
    topic text NOT NULL,
    partition integer,                      -- where it lies; null while it is only intended
    sent_offset bigint,
    mended boolean NOT NULL,                -- the key or the value is not the dead letter's
    key_sha256 bytea,                       -- of what was sent; null for no key
    value_sha256 bytea NOT NULL,
    database_user text NOT NULL DEFAULT session_user,
    os_user text NOT NULL,                  -- as the machine knows who called
    recorded_at timestamptz NOT NULL DEFAULT partita_clock(),
    PRIMARY KEY (replay_no, step),
    CONSTRAINT dead_letter_replay_step_known CHECK (step BETWEEN 1 AND 2),
    CONSTRAINT dead_letter_replay_published_lies_somewhere CHECK (
        (step = 2) = (partition IS NOT NULL) AND (step = 2) = (sent_offset IS NOT NULL)),
    CONSTRAINT dead_letter_replay_hashes_are_sha256 CHECK (octet_length(key_sha256) = 32 AND octet_length(value_sha256) = 32)
);
CREATE INDEX dead_letter_replay_of ON dead_letter_replay (lane_no, seq);

-- ENABLE ALWAYS: an ordinary trigger is silent under session_replication_role = replica.
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['parked', 'dead_letter_replay'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION append_only()', name);
        EXECUTE format('CREATE TRIGGER never_truncated BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION append_only()', name);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER append_only', name);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER never_truncated', name);
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %I FROM PUBLIC', name);
    END LOOP;
END $$;
