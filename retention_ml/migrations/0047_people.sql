-- Who the customers are: everywhere else they have a pseudonym (decision 57). The keys are in none of
-- these tables: `keys.json` beside the warehouse.
CREATE SCHEMA privacy;

CREATE TABLE privacy.keyrings (
    ring_id text PRIMARY KEY,
    is_only boolean NOT NULL DEFAULT true UNIQUE CHECK (is_only),
    since timestamptz NOT NULL,
    run_id text NOT NULL
);
COMMENT ON TABLE privacy.keyrings IS 'one row where the warehouse holds pseudonyms, none where it holds the shop''s customer numbers';
COMMENT ON COLUMN privacy.keyrings.ring_id IS 'which keys the pseudonyms are made with; no secret';
COMMENT ON COLUMN privacy.keyrings.is_only IS 'always true: a warehouse has the keys it was begun with';
COMMENT ON COLUMN privacy.keyrings.since IS 'when the first pseudonym was made, or numbers were replaced';
COMMENT ON COLUMN privacy.keyrings.run_id IS 'the run that wrote the row';

CREATE TABLE privacy.people (
    customer_id text PRIMARY KEY,
    lookup bytea NOT NULL UNIQUE CHECK (octet_length(lookup) = 32),
    key_version integer NOT NULL CHECK (key_version > 0),
    number_sealed bytea CHECK (octet_length(number_sealed) > 28),
    first_seen_at timestamptz NOT NULL,
    erased_at timestamptz,
    CHECK (number_sealed IS NOT NULL OR erased_at IS NOT NULL)
);
COMMENT ON TABLE privacy.people IS 'one row per customer whom a delivery named; none where the warehouse holds customer numbers';
COMMENT ON COLUMN privacy.people.customer_id IS 'the pseudonym: 26 letters of the HMAC of the shop''s customer number; never changes';
COMMENT ON COLUMN privacy.people.lookup IS 'HMAC of the customer number under the key for lookups: finds the person by their number';
COMMENT ON COLUMN privacy.people.key_version IS 'version of the keys for lookups and for numbers that the row is made with';
COMMENT ON COLUMN privacy.people.number_sealed IS 'the customer number, encrypted under the key for numbers';
COMMENT ON COLUMN privacy.people.first_seen_at IS 'when a delivery first named them, or numbers were replaced by pseudonyms';
COMMENT ON COLUMN privacy.people.erased_at IS 'when the person was erased; empty: never';

CREATE TABLE privacy.contact_list (
    customer_number text PRIMARY KEY,
    as_of date NOT NULL,
    risk_tier text NOT NULL,
    churn_probability double precision NOT NULL,
    expected_value_at_risk numeric NOT NULL,
    action_id text,
    channels text NOT NULL,
    reason_1 text,
    filled_at timestamptz NOT NULL
);
COMMENT ON TABLE privacy.contact_list IS 'one row per customer of the newest published day who may be contacted, by the shop''s own number; replaced whole; for the role retention_crm alone';
COMMENT ON COLUMN privacy.contact_list.customer_number IS 'the shop''s customer number';
COMMENT ON COLUMN privacy.contact_list.as_of IS 'the published day';
COMMENT ON COLUMN privacy.contact_list.risk_tier IS 'low, medium, high or critical';
COMMENT ON COLUMN privacy.contact_list.churn_probability IS 'probability of no order in the outcome window, 0 to 1';
COMMENT ON COLUMN privacy.contact_list.expected_value_at_risk IS 'in the shop''s currency';
COMMENT ON COLUMN privacy.contact_list.action_id IS 'the action decided for the day; none: left alone';
COMMENT ON COLUMN privacy.contact_list.channels IS 'the channels on which marketing is permitted';
COMMENT ON COLUMN privacy.contact_list.reason_1 IS 'the first reason why the customer is at risk';
COMMENT ON COLUMN privacy.contact_list.filled_at IS 'when the list was filled';

-- Whoever knows a number and the key may find one person, without reading who there is.
CREATE FUNCTION privacy.ring_id() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS 'SELECT ring_id FROM privacy.keyrings';
CREATE FUNCTION privacy.customer_of(customer text, lookups bytea[]) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS 'SELECT customer_id FROM privacy.people WHERE customer_id = customer OR lookup = ANY(lookups) LIMIT 1';
REVOKE ALL ON FUNCTION privacy.ring_id, privacy.customer_of FROM PUBLIC;

-- What older migrations call the shop's customer number is a pseudonym now.
DO $$
DECLARE
    described record;
BEGIN
    FOR described IN
        SELECT attrelid::regclass AS relation, attname, col_description(attrelid, attnum) AS words
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
            AND col_description(attrelid, attnum) LIKE '%the shop''s customer number%'
            AND attrelid <> 'privacy.contact_list'::regclass AND attrelid <> 'privacy.people'::regclass
    LOOP
        EXECUTE format(
            'COMMENT ON COLUMN %s.%I IS %L', described.relation, described.attname,
            replace(described.words, 'the shop''s customer number',
                'the customer: a pseudonym, or the shop''s number where pseudonyms are off')
        );
    END LOOP;
END
$$;
