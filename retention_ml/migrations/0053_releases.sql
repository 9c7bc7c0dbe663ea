-- Counts that anybody may see (decision 64): noise is drawn once and stored, the exact counts are not.
CREATE TABLE privacy.releases (
    release_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('risk_tiers', 'cohorts')),
    period_on date NOT NULL,
    as_of date NOT NULL,
    snapshot_id bigint NOT NULL,
    epsilon numeric NOT NULL CHECK (epsilon > 0),
    epsilon_month numeric NOT NULL,
    margin_count integer NOT NULL CHECK (margin_count >= 0),
    cell_min integer NOT NULL CHECK (cell_min > 0),
    run_id text NOT NULL,
    released_at timestamptz NOT NULL,
    UNIQUE (kind, period_on),
    CHECK (epsilon <= epsilon_month),
    CHECK (as_of >= period_on)
);
COMMENT ON TABLE privacy.releases IS 'one row per week or month whose counts were published, with what it cost of the month''s budget; only added to';
COMMENT ON COLUMN privacy.releases.release_id IS 'number of the release';
COMMENT ON COLUMN privacy.releases.kind IS 'risk_tiers: active customers by risk tier, weekly; cohorts: by month of the first order and risk tier, monthly';
COMMENT ON COLUMN privacy.releases.period_on IS 'first day of the week or month; it is paid from the budget of its calendar month';
COMMENT ON COLUMN privacy.releases.as_of IS 'the day whose published scores were counted';
COMMENT ON COLUMN privacy.releases.snapshot_id IS 'the scoring run that was counted; readers may see another since';
COMMENT ON COLUMN privacy.releases.epsilon IS 'what it cost: one customer makes no result more probable than by the factor exp(epsilon)';
COMMENT ON COLUMN privacy.releases.epsilon_month IS 'the budget of a month when it was published';
COMMENT ON COLUMN privacy.releases.margin_count IS 'by how many customers at most each count is off, in 95 of 100 draws';
COMMENT ON COLUMN privacy.releases.cell_min IS 'counts below it, with their noise, were suppressed';
COMMENT ON COLUMN privacy.releases.run_id IS 'the run that published it';
COMMENT ON COLUMN privacy.releases.released_at IS 'when';

CREATE TABLE privacy.released_cells (
    release_id bigint NOT NULL REFERENCES privacy.releases,
    place integer NOT NULL CHECK (place > 0),
    cohort_on date,
    risk_tier text NOT NULL,
    customers_count bigint CHECK (customers_count > 0),
    PRIMARY KEY (release_id, place)
);
COMMENT ON TABLE privacy.released_cells IS 'one row per count of a release; only added to';
COMMENT ON COLUMN privacy.released_cells.release_id IS 'number of the release';
COMMENT ON COLUMN privacy.released_cells.place IS 'place in the release, the first is 1';
COMMENT ON COLUMN privacy.released_cells.cohort_on IS 'first day of the month of the first order; empty: of cohorts all earlier months together, else every month';
COMMENT ON COLUMN privacy.released_cells.risk_tier IS 'low, medium, high or critical';
COMMENT ON COLUMN privacy.released_cells.customers_count IS 'customers, with noise; empty where that is below the bound';

-- Drawn again, noise could be averaged away; a row that is gone would be drawn again.
CREATE FUNCTION privacy.reject_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
BEGIN
    RAISE EXCEPTION '%.% is only added to: what was published stands, and its budget is spent', TG_TABLE_SCHEMA, TG_TABLE_NAME;
END
$$;
REVOKE ALL ON FUNCTION privacy.reject_change FROM PUBLIC;
CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE ON privacy.releases
    FOR EACH ROW EXECUTE FUNCTION privacy.reject_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON privacy.releases
    FOR EACH STATEMENT EXECUTE FUNCTION privacy.reject_change();
CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE ON privacy.released_cells
    FOR EACH ROW EXECUTE FUNCTION privacy.reject_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON privacy.released_cells
    FOR EACH STATEMENT EXECUTE FUNCTION privacy.reject_change();
