CREATE OR REPLACE VIEW reports.drift AS
SELECT
    watched.as_of,
    watched.kind,
    watched.name,
    watched.measure,
    watched.value,
    watched.threshold,
    watched.is_beyond,
    watched.reference,
    watched.snapshot_id,
    watched.measured_at
FROM outcomes.drift AS watched;
COMMENT ON VIEW reports.drift IS 'one row per published day, thing watched and measure of its change; sizes of effects, not p-values';
COMMENT ON COLUMN reports.drift.as_of IS 'the published day';
COMMENT ON COLUMN reports.drift.kind IS 'input, missing, category, score, tier, explanation, calibration, label_rate or estimate (of the performance before outcomes are known)';
COMMENT ON COLUMN reports.drift.name IS 'the feature, tier or other thing watched; all for the whole';
COMMENT ON COLUMN reports.drift.measure IS 'psi, jensen_shannon, share, roc_auc and others; not_compared where there was nothing to compare with';
COMMENT ON COLUMN reports.drift.value IS 'how large it is';
COMMENT ON COLUMN reports.drift.threshold IS 'from where on it counts; empty where it is only shown, as for a feature that looks back to before the shop''s first order';
COMMENT ON COLUMN reports.drift.is_beyond IS 'whether it lies beyond; one day alone raises no alert, see reports.alerts';
COMMENT ON COLUMN reports.drift.reference IS 'what it is compared with, or why it is not';
COMMENT ON COLUMN reports.drift.snapshot_id IS 'the scoring run';
COMMENT ON COLUMN reports.drift.measured_at IS 'when it was measured';
