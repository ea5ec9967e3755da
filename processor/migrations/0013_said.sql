-- What an event says, for whoever reads rows that somebody may have spoilt: what is no JSON says nothing.
CREATE FUNCTION said_in(payload bytea) RETURNS jsonb LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN convert_from(payload, 'UTF8')::jsonb;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END $$;
