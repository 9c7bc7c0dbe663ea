-- Personas, whose centroids stay until a decision, and the activity of the days ahead.
CREATE TABLE profiles.persona_fits (
    fit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    as_of date NOT NULL,
    trigger text NOT NULL CHECK (trigger IN ('first', 'drift', 'schedule', 'request')),
    decided_by text NOT NULL,
    reason text NOT NULL,
    personas_count integer NOT NULL CHECK (personas_count >= 0),
    customers_count bigint NOT NULL CHECK (customers_count >= 0),
    stability double precision,
    month_change_share double precision,
    tried jsonb NOT NULL,
    why_none text,
    drift double precision,
    scale_lower double precision[] NOT NULL,
    scale_upper double precision[] NOT NULL,
    scale_mean double precision[] NOT NULL,
    scale_spread double precision[] NOT NULL,
    fit_digest text NOT NULL,
    library_version text NOT NULL,
    run_id text NOT NULL,
    decided_at timestamptz NOT NULL,
    CHECK ((personas_count = 0) = (why_none IS NOT NULL))
);
COMMENT ON TABLE profiles.persona_fits IS 'append-only: one row per decision which personas there are; the newest of a day or before counts';
COMMENT ON COLUMN profiles.persona_fits.fit_id IS 'number of the decision';
COMMENT ON COLUMN profiles.persona_fits.as_of IS 'the day from which on it counts, and whose customers were divided';
COMMENT ON COLUMN profiles.persona_fits.trigger IS 'first: none were in force; drift: shares had moved; schedule: there were none, and some time has passed; request: a person asked';
COMMENT ON COLUMN profiles.persona_fits.decided_by IS 'who decided: platform, or the person who asked';
COMMENT ON COLUMN profiles.persona_fits.reason IS 'why, in words';
COMMENT ON COLUMN profiles.persona_fits.personas_count IS 'personas; 0 where no number of them is stable or customers are too few or too alike';
COMMENT ON COLUMN profiles.persona_fits.customers_count IS 'customers with an order who were divided';
COMMENT ON COLUMN profiles.persona_fits.stability IS 'mean adjusted Rand index over bootstrap samples; 1: the same division again and again; empty without personas';
COMMENT ON COLUMN profiles.persona_fits.month_change_share IS 'share of the customers who would have belonged elsewhere a month before; empty without any';
COMMENT ON COLUMN profiles.persona_fits.tried IS 'both for every number of personas that was tried';
COMMENT ON COLUMN profiles.persona_fits.why_none IS 'why there are no personas; empty where there are';
COMMENT ON COLUMN profiles.persona_fits.drift IS 'how far shares had moved since the decision before (population stability index); empty without one';
COMMENT ON COLUMN profiles.persona_fits.scale_lower IS 'by trait: log(1 + value) to which less is moved';
COMMENT ON COLUMN profiles.persona_fits.scale_upper IS 'by trait: log(1 + value) to which more is moved';
COMMENT ON COLUMN profiles.persona_fits.scale_mean IS 'by trait: mean of the logs';
COMMENT ON COLUMN profiles.persona_fits.scale_spread IS 'by trait: standard deviation of the logs';
COMMENT ON COLUMN profiles.persona_fits.fit_digest IS 'digest of scale, names and centroids: what is read back has to have it';
COMMENT ON COLUMN profiles.persona_fits.library_version IS 'version of the library';
COMMENT ON COLUMN profiles.persona_fits.run_id IS 'the run that decided';
COMMENT ON COLUMN profiles.persona_fits.decided_at IS 'when';
CREATE INDEX ON profiles.persona_fits (as_of, fit_id);

CREATE TABLE profiles.persona_centroids (
    fit_id bigint NOT NULL REFERENCES profiles.persona_fits,
    persona_id integer NOT NULL CHECK (persona_id > 0),
    place integer NOT NULL CHECK (place >= 0),
    persona_name text NOT NULL,
    traits text NOT NULL,
    customers_count bigint NOT NULL CHECK (customers_count >= 0),
    overlap_share double precision CHECK (overlap_share BETWEEN 0 AND 1),
    centroid double precision[] NOT NULL,
    PRIMARY KEY (fit_id, persona_id),
    UNIQUE (fit_id, place),
    UNIQUE (fit_id, persona_name)
);
COMMENT ON TABLE profiles.persona_centroids IS 'one row per decision and persona: its frozen centre';
COMMENT ON COLUMN profiles.persona_centroids.fit_id IS 'the decision';
COMMENT ON COLUMN profiles.persona_centroids.persona_id IS 'number of the persona; stays when a later decision continues it';
COMMENT ON COLUMN profiles.persona_centroids.place IS 'order in the decision; 0 brought most';
COMMENT ON COLUMN profiles.persona_centroids.persona_name IS 'name; stays like the number';
COMMENT ON COLUMN profiles.persona_centroids.traits IS 'what distinguishes its customers, the strongest first';
COMMENT ON COLUMN profiles.persona_centroids.customers_count IS 'its customers at the decision';
COMMENT ON COLUMN profiles.persona_centroids.overlap_share IS 'customers in both this and the persona that it continues, as a share of those in either; empty for a new one';
COMMENT ON COLUMN profiles.persona_centroids.centroid IS 'by trait, in standard deviations from the mean';

ALTER TABLE profiles.snapshots ADD COLUMN persona_fit_id bigint REFERENCES profiles.persona_fits;
COMMENT ON COLUMN profiles.snapshots.persona_fit_id IS 'the decision whose personas it has; empty for snapshots of before there were any';

ALTER TABLE profiles.customer_daily ADD COLUMN persona_id integer;
COMMENT ON COLUMN profiles.customer_daily.persona_id IS 'the persona; empty for visitors, and where there are none';

CREATE TABLE profiles.personas (
    snapshot_id bigint NOT NULL REFERENCES profiles.snapshots,
    as_of date NOT NULL,
    persona_id integer NOT NULL,
    persona_name text NOT NULL,
    traits text NOT NULL,
    customers_count bigint NOT NULL CHECK (customers_count >= 0),
    revenue_28d_cents bigint NOT NULL,
    median_silent_days double precision,
    median_purchase_days double precision,
    median_revenue_cents double precision,
    median_day_revenue_cents double precision,
    median_interval_days double precision,
    median_tenure_days double precision,
    PRIMARY KEY (snapshot_id, persona_id)
);
COMMENT ON TABLE profiles.personas IS 'one row per snapshot and persona: how many customers, and what they are like';
COMMENT ON COLUMN profiles.personas.snapshot_id IS 'the run that made it';
COMMENT ON COLUMN profiles.personas.as_of IS 'the day';
COMMENT ON COLUMN profiles.personas.persona_id IS 'number of the persona';
COMMENT ON COLUMN profiles.personas.persona_name IS 'its name';
COMMENT ON COLUMN profiles.personas.traits IS 'what distinguished its customers at the decision, the strongest first';
COMMENT ON COLUMN profiles.personas.customers_count IS 'customers in it; personas without any have a row too';
COMMENT ON COLUMN profiles.personas.revenue_28d_cents IS 'what they brought in the 28 days before, refunds taken off, in smallest units of money';
COMMENT ON COLUMN profiles.personas.median_silent_days IS 'half of them have been silent for longer; empty without a customer, as are all that follow';
COMMENT ON COLUMN profiles.personas.median_purchase_days IS 'half of them ordered on more days';
COMMENT ON COLUMN profiles.personas.median_revenue_cents IS 'half of them brought more, refunds taken off, in smallest units of money';
COMMENT ON COLUMN profiles.personas.median_day_revenue_cents IS 'half of them brought more per day with an order';
COMMENT ON COLUMN profiles.personas.median_interval_days IS 'half of them have a longer interval between purchase days';
COMMENT ON COLUMN profiles.personas.median_tenure_days IS 'half of them ordered first longer ago';

CREATE TABLE profiles.forecasts (
    snapshot_id bigint NOT NULL REFERENCES profiles.snapshots,
    as_of date NOT NULL,
    metric text NOT NULL CHECK (metric IN ('orders', 'active_customers', 'revenue_cents')),
    days_ahead integer NOT NULL CHECK (days_ahead >= 0),
    forecast_on date,
    expected double precision NOT NULL CHECK (expected >= 0),
    lower double precision NOT NULL CHECK (lower >= 0),
    upper double precision NOT NULL,
    uses_year_before boolean NOT NULL,
    past_forecasts_count bigint NOT NULL CHECK (past_forecasts_count > 0),
    past_error_share double precision NOT NULL,
    PRIMARY KEY (snapshot_id, metric, days_ahead),
    CHECK (lower <= expected AND expected <= upper),
    CHECK ((days_ahead = 0) = (forecast_on IS NULL))
);
COMMENT ON TABLE profiles.forecasts IS 'one row per snapshot, metric and day ahead, and one for all days together';
COMMENT ON COLUMN profiles.forecasts.snapshot_id IS 'the run that made it';
COMMENT ON COLUMN profiles.forecasts.as_of IS 'the day';
COMMENT ON COLUMN profiles.forecasts.metric IS 'orders; active_customers: customers with an order on the day; revenue_cents: refunds taken off, in smallest units of money';
COMMENT ON COLUMN profiles.forecasts.days_ahead IS '1 is the day itself; 0: all days together, which active customers do not have';
COMMENT ON COLUMN profiles.forecasts.forecast_on IS 'the day that is forecast; empty for all together';
COMMENT ON COLUMN profiles.forecasts.expected IS 'what is expected, at least 0; refunds above the sales of a day are taken off in the total only';
COMMENT ON COLUMN profiles.forecasts.lower IS 'lower end of the interval that past forecasts would have kept (profiles.forecast_coverage)';
COMMENT ON COLUMN profiles.forecasts.upper IS 'upper end';
COMMENT ON COLUMN profiles.forecasts.uses_year_before IS 'whether the same days of the year before shape it: known, and of a shop of about the same size';
COMMENT ON COLUMN profiles.forecasts.past_forecasts_count IS 'past forecasts that the interval comes from, each by the rule as it would have been applied then: with the year before or without';
COMMENT ON COLUMN profiles.forecasts.past_error_share IS 'by how much the total of all days was off on average in these, as a share of what was forecast, or of a tenth of the usual total if that is more';
