-- Views were recorded by one digest and dropped as a whole; now each is known by name, so that it can
-- change under what others built on it. A warehouse without views yet has nothing to convert.
INSERT INTO public.migrations (name, sha256, applied_at)
SELECT 'reports.' || view.name, applied.sha256, applied.applied_at
FROM public.migrations AS applied
CROSS JOIN (
    VALUES
        ('data_quality'), ('quarantine_summary'), ('customer_risk_history'), ('customer_risk'),
        ('risk_tier_daily'), ('model_performance'), ('model_comparison'), ('trials'), ('drift'),
        ('alerts'), ('pipeline_freshness')
) AS view (name)
WHERE applied.name = 'views';
DELETE FROM public.migrations WHERE name = 'views';

ALTER TABLE scores.snapshots
    ADD COLUMN tiers_by text NOT NULL DEFAULT 'probability'
    CHECK (tiers_by IN ('probability', 'share', 'value'));
COMMENT ON COLUMN scores.snapshots.tiers_by IS 'what put customers in tiers: probability (a level), share (the rank by probability) or value (the rank by value at risk)';
