-- Erasing a user: what a person has written may go from rows that are kept for ever, and nothing else may change in them.
--
-- Texts are a category, notes, a device, a time zone, and what a sender says of itself (metadata, correlation id, trace).
-- Amounts, days, ids, numbers and stamps are none. A result with another text needs another `event_erased_alone` and
-- another `holds_no_text`.

-- What a user was told, and what of a user could not be understood; other contexts have no entry in the first. Keys of
-- dead letters are whatever was sent: only those that may be an id.
CREATE INDEX event_of_user ON event (aggregateid) WHERE aggregatetype = 'expenses';
CREATE INDEX event_of_user ON cold.event (aggregateid) WHERE aggregatetype = 'expenses';
CREATE INDEX dead_letter_of_key ON dead_letter (key) WHERE octet_length(key) <= 64;

-- How far the events of each lane were searched for what was said of users who had been erased before.
CREATE TABLE erasure_swept (
    lane_no integer PRIMARY KEY,
    next_seq bigint NOT NULL CONSTRAINT erasure_swept_has_a_number CHECK (next_seq >= 1)
);

-- What a result says beside these fields, at every depth.
CREATE FUNCTION without_texts(said jsonb, texts text[]) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF jsonb_typeof(said) = 'object' THEN
        said := said - texts;
        IF jsonb_path_exists(said, 'strict $.* ? (@.type() == "object" || @.type() == "array")') THEN
            RETURN (SELECT jsonb_object_agg(key, without_texts(value, texts)) FROM jsonb_each(said));
        END IF;
    ELSIF jsonb_typeof(said) = 'array' AND said <> '[]' THEN
        RETURN (SELECT jsonb_agg(without_texts(value, texts) ORDER BY ordinality)
                  FROM jsonb_array_elements(said) WITH ORDINALITY);
    END IF;
    RETURN said;
END $$;

-- Whether a result holds no text of a person at any depth: a category has a number for a name.
CREATE FUNCTION holds_no_text(said jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT NOT jsonb_path_exists(said, '$.** ? (exists(@.metadata) || exists(@.correlation_id)
        || @.notes != "" || @.device_id != null || @.timezone != "UTC"
        || exists(@.category) && !(@.category like_regex "^erased(-[1-9][0-9]*)?$"))')
$$;

-- A row of a user loses its texts in the transaction in which the user is erased.
CREATE FUNCTION erased_alone() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    texts CONSTANT text[] := '{category,notes,device_id}';
    said jsonb;
    says jsonb;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        said := to_jsonb(OLD);
        says := to_jsonb(NEW);
        IF says - texts = said - texts AND says ->> 'category' ~ '^erased-[1-9][0-9]*$' AND coalesce(says ->> 'notes', '') = ''
           AND says ->> 'device_id' IS NULL
           AND EXISTS (SELECT FROM expense_user WHERE user_no = (said ->> 'user_no')::bigint AND erased_at IS NOT NULL
                          AND xmin = pg_current_xact_id()::xid) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% is append-only: what was said stays said', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege', TABLE = TG_TABLE_NAME;
END $$;

-- An event of an erased user loses the texts of its result, and all further headers but the mark of a wrong key. Names of
-- categories are given in the transaction in which the user is erased, and never again.
CREATE FUNCTION event_erased_alone() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    texts text[] := '{notes,device_id,timezone,metadata,correlation_id}';
    compared event := NEW;
    says jsonb;
    erasing boolean;
BEGIN
    compared.payload := OLD.payload;
    compared.headers := OLD.headers;
    SELECT xmin = pg_current_xact_id()::xid INTO erasing FROM expense_user
     WHERE user_id = OLD.aggregateid AND erased_at IS NOT NULL AND OLD.aggregatetype = 'expenses' AND OLD.type NOT LIKE 'rate.%';
    IF erasing IS NOT NULL AND compared IS NOT DISTINCT FROM OLD
       AND (NEW.headers IS NOT DISTINCT FROM CASE WHEN convert_from(OLD.headers, 'UTF8')::jsonb ? 'partita_wrong_key'
                                                  THEN convert_to('{"partita_wrong_key":"1"}', 'UTF8') END) THEN
        IF NEW.payload IS NOT DISTINCT FROM OLD.payload THEN
            RETURN NEW;
        END IF;
        says := convert_from(NEW.payload, 'UTF8')::jsonb;
        texts := texts || CASE WHEN erasing THEN '{category}'::text[] END;
        IF without_texts(says, texts) = without_texts(convert_from(OLD.payload, 'UTF8')::jsonb, texts)
           AND holds_no_text(says) AND convert_from(NEW.payload, 'UTF8') LIKE '%"replayed":false}' THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% is append-only: what was said stays said', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege', TABLE = TG_TABLE_NAME;
END $$;

-- A dead letter under the key of an erased user loses value and headers. As text an id is its bytes, and no other bytes are.
CREATE FUNCTION dead_letter_erased_alone() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    compared dead_letter := NEW;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        compared.value := OLD.value;
        compared.headers := OLD.headers;
        compared.masked := OLD.masked;
        IF compared IS NOT DISTINCT FROM OLD AND NEW.value IS NULL AND NEW.headers IS NULL AND NEW.masked
           AND OLD.command_type NOT LIKE 'rate.%'
           AND EXISTS (SELECT FROM lane WHERE lane_no = OLD.lane_no AND context = 'expenses')
           AND EXISTS (SELECT FROM expense_user WHERE user_id = encode(OLD.key, 'escape') AND erased_at IS NOT NULL) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% is append-only: what was said stays said', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege', TABLE = TG_TABLE_NAME;
END $$;

-- In the place of the triggers that allow nothing. Events are deleted where they move, see 0010; those of users never do.
DO $$
DECLARE name text; deeds text; guard text;
BEGIN
    FOR name, deeds, guard IN SELECT * FROM (VALUES
        ('expense_version', 'UPDATE OR DELETE', 'erased_alone'), ('budget_version', 'UPDATE OR DELETE', 'erased_alone'),
        ('recurring_rule', 'UPDATE OR DELETE', 'erased_alone'), ('event', 'UPDATE', 'event_erased_alone'),
        ('dead_letter', 'UPDATE OR DELETE', 'dead_letter_erased_alone')) AS guarded
    LOOP
        EXECUTE format('DROP TRIGGER append_only ON %I', name);
        EXECUTE format('CREATE TRIGGER append_only BEFORE %s ON %I FOR EACH ROW EXECUTE FUNCTION %I()', deeds, name, guard);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER append_only', name);
    END LOOP;
END $$;
