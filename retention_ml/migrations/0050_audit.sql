-- Who opened customers' numbers or changed what is known of people (decision 61). Each entry holds an
-- HMAC of the one before it; the key and the last digest lie outside the warehouse.
CREATE SCHEMA audit;

CREATE TABLE audit.log (
    entry_id bigint PRIMARY KEY CHECK (entry_id > 0),
    recorded_at timestamptz NOT NULL,
    event text NOT NULL,
    person bytea CHECK (octet_length(person) = 32),
    subject text NOT NULL,
    details jsonb NOT NULL,
    database_role text NOT NULL,
    os_user text NOT NULL,
    run_id text NOT NULL,
    key_version integer NOT NULL CHECK (key_version > 0),
    previous bytea NOT NULL UNIQUE CHECK (octet_length(previous) = 32),
    digest bytea NOT NULL CHECK (octet_length(digest) = 32)
);
COMMENT ON TABLE audit.log IS 'one row per time that customers'' numbers were opened, or people''s data shown, changed or copied; only added to';
COMMENT ON COLUMN audit.log.entry_id IS 'number of the entry, without a gap; 1 is the first';
COMMENT ON COLUMN audit.log.recorded_at IS 'when it was written, just before it happened';
COMMENT ON COLUMN audit.log.event IS 'what happened, such as customer_explained';
COMMENT ON COLUMN audit.log.person IS 'HMAC of the customer it is about, never a number; empty where it is about several';
COMMENT ON COLUMN audit.log.subject IS 'what was opened or changed, such as a table, a file by its digest, or a backup';
COMMENT ON COLUMN audit.log.details IS 'counts and reasons, never who';
COMMENT ON COLUMN audit.log.database_role IS 'the role of Postgres that wrote it';
COMMENT ON COLUMN audit.log.os_user IS 'the user of the machine that it ran as';
COMMENT ON COLUMN audit.log.run_id IS 'the run that did it';
COMMENT ON COLUMN audit.log.key_version IS 'version of the audit key that person and digest are made with';
COMMENT ON COLUMN audit.log.previous IS 'digest of the entry before; zeros for the first';
COMMENT ON COLUMN audit.log.digest IS 'HMAC of all other columns';
CREATE INDEX log_person ON audit.log (person) WHERE person IS NOT NULL;

CREATE FUNCTION audit.reject_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
BEGIN
    RAISE EXCEPTION 'audit.log is only added to: no entry is changed or deleted';
END
$$;
CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE ON audit.log
    FOR EACH ROW EXECUTE FUNCTION audit.reject_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON audit.log
    FOR EACH STATEMENT EXECUTE FUNCTION audit.reject_change();

-- Whoever opens numbers writes here, without a right to read or change what others wrote.
CREATE FUNCTION audit.last_entry(OUT entry_id bigint, OUT digest bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS 'SELECT entry_id, digest FROM audit.log ORDER BY entry_id DESC LIMIT 1';
CREATE FUNCTION audit.append(
    entry_id bigint, recorded_at timestamptz, event text, person bytea, subject text, details jsonb,
    database_role text, os_user text, run_id text, key_version integer, previous bytea, digest bytea
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    INSERT INTO audit.log (
        entry_id, recorded_at, event, person, subject, details, database_role, os_user, run_id,
        key_version, previous, digest
    )
    VALUES (
        entry_id, recorded_at, event, person, subject, details, database_role, os_user, run_id,
        key_version, previous, digest
    );
END;
REVOKE ALL ON FUNCTION audit.last_entry, audit.append, audit.reject_change FROM PUBLIC;
REVOKE ALL ON FUNCTION features.count_change FROM PUBLIC;
