CREATE OR REPLACE VIEW reports.personas AS
SELECT
    persona.as_of,
    persona.persona_id,
    persona.persona_name,
    persona.traits,
    persona.customers_count,
    persona.customers_count::double precision / nullif(sum(persona.customers_count) OVER (PARTITION BY persona.snapshot_id), 0) AS customers_share,
    (persona.revenue_28d_cents / manifest.minor_units::numeric)::numeric(18, 2) AS revenue_28d,
    persona.median_silent_days,
    persona.median_purchase_days,
    (persona.median_revenue_cents::numeric / manifest.minor_units)::numeric(18, 2) AS median_revenue,
    (persona.median_day_revenue_cents::numeric / manifest.minor_units)::numeric(18, 2) AS median_day_revenue,
    persona.median_interval_days,
    persona.median_tenure_days,
    fit.as_of AS decided_as_of,
    fit.decided_by,
    fit.reason AS decided_because,
    fit.stability
FROM profiles.published AS pointer
JOIN profiles.snapshots AS manifest ON manifest.snapshot_id = pointer.snapshot_id
JOIN profiles.personas AS persona ON persona.snapshot_id = pointer.snapshot_id
JOIN profiles.persona_fits AS fit ON fit.fit_id = manifest.persona_fit_id;
COMMENT ON VIEW reports.personas IS 'one row per published day and persona: how many customers, what they are like, and which decision the persona comes from';
COMMENT ON COLUMN reports.personas.as_of IS 'the day';
COMMENT ON COLUMN reports.personas.persona_id IS 'number of the persona; stays from decision to decision';
COMMENT ON COLUMN reports.personas.persona_name IS 'its name; stays likewise';
COMMENT ON COLUMN reports.personas.traits IS 'what distinguished its customers at the decision, the strongest first';
COMMENT ON COLUMN reports.personas.customers_count IS 'customers in it';
COMMENT ON COLUMN reports.personas.customers_share IS 'their share of all customers with a persona';
COMMENT ON COLUMN reports.personas.revenue_28d IS 'what they brought in the 28 days before, refunds taken off, in the shop''s currency';
COMMENT ON COLUMN reports.personas.median_silent_days IS 'half of them have been silent for longer; empty without a customer, as are all medians';
COMMENT ON COLUMN reports.personas.median_purchase_days IS 'half of them ordered on more days';
COMMENT ON COLUMN reports.personas.median_revenue IS 'half of them brought more so far, in the shop''s currency';
COMMENT ON COLUMN reports.personas.median_day_revenue IS 'half of them brought more per day with an order';
COMMENT ON COLUMN reports.personas.median_interval_days IS 'half of them have a longer interval between purchase days';
COMMENT ON COLUMN reports.personas.median_tenure_days IS 'half of them ordered first longer ago';
COMMENT ON COLUMN reports.personas.decided_as_of IS 'the day from which on these personas count';
COMMENT ON COLUMN reports.personas.decided_by IS 'who decided: platform, or the person who asked';
COMMENT ON COLUMN reports.personas.decided_because IS 'why, in words';
COMMENT ON COLUMN reports.personas.stability IS 'how much the division was the same in bootstrap samples: adjusted Rand index, 1 at most';
