-- Append-only for tables to come: what 0001 and 0002 do for theirs, in one word of a migration.

-- Nobody changes, deletes or truncates a row of the table from now on. ENABLE ALWAYS: an ordinary trigger is silent under
-- session_replication_role = replica.
CREATE FUNCTION keep_for_ever(table_name regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION append_only()', table_name);
    EXECUTE format('CREATE TRIGGER never_truncated BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION append_only()', table_name);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER append_only', table_name);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER never_truncated', table_name);
    EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %s FROM PUBLIC', table_name);
END $$;
