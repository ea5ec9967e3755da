-- Cold storage: where old months of events, transactions, legs and entries go, and how they are read with the young ones.
--
-- A cold table has the columns, checks and indexes of its hot one. A row lies in one of the two, and moves in one
-- transaction; whoever may want an old row reads the view of both. Who adds a column to a hot table adds it to the cold
-- one, at the same place, and makes the view anew; who adds an index or a check adds it to both.
--
-- A view is planned as its two tables: conditions, join keys and row comparisons become those of both indexes, an ORDER BY
-- of an index merges them, and a LIMIT ends both. It is not so behind an EXISTS that a query has beside others (it may be
-- hashed over a whole table) or a join that could be turned round: a LATERAL with a LIMIT keeps the look-up.

CREATE SCHEMA cold;

-- How far the rows of each lane have been moved: everything that a number below stamps is cold.
CREATE TABLE cold.moved (
    lane_no integer PRIMARY KEY,
    hot_from bigint NOT NULL CONSTRAINT moved_has_a_number CHECK (hot_from >= 1),
    moved_at timestamptz NOT NULL DEFAULT partita_clock()
);

-- What goes from a hot table has the same row in the cold one. All rows of a statement are looked at together, each by the
-- key that the trigger names. The settings keep the planner from reading a cold table whole. ENABLE ALWAYS, as all guards.
CREATE FUNCTION moved_only() RETURNS trigger LANGUAGE plpgsql
    SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET enable_bitmapscan = off
    SET enable_indexscan = on AS $$
DECLARE lost boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM gone LEFT JOIN cold.%I AS kept USING (%s) WHERE gone.* IS DISTINCT FROM kept.*)',
                   TG_TABLE_NAME, TG_ARGV[0]) INTO lost;
    IF lost THEN
        RAISE EXCEPTION '% is append-only: what was said stays said', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;

DO $$
DECLARE name text; key text;
BEGIN
    FOR name, key IN SELECT * FROM (VALUES
        ('event', 'lane_no, seq'), ('transaction', 'lane_no, seq'), ('batch_leg', 'lane_no, seq, leg_no'),
        ('side_leg', 'lane_no, seq, leg_no'), ('entry', 'account_no, entry_no')) AS moving
    LOOP
        EXECUTE format('CREATE TABLE cold.%I (LIKE %I INCLUDING ALL)', name, name);
        PERFORM keep_for_ever(format('cold.%I', name)::regclass);
        EXECUTE format('CREATE VIEW %I AS SELECT * FROM %I UNION ALL SELECT * FROM cold.%I', 'every_' || name, name, name);
        EXECUTE format('DROP TRIGGER append_only ON %I', name);
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION append_only()', name);
        EXECUTE format('CREATE TRIGGER moved_only AFTER DELETE ON %I REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION moved_only(%L)', name, key);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER append_only', name);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER moved_only', name);
    END LOOP;
END $$;
