-- All that the role retention_public may read. Nothing here is exact.
CREATE OR REPLACE VIEW reports.public_risk_tiers AS
SELECT
    release.period_on AS week_on,
    release.as_of,
    cell.risk_tier,
    cell.place AS tier_rank,
    CASE WHEN cell.customers_count >= release.cell_min THEN cell.customers_count END AS customers_count,
    release.margin_count,
    (cell.customers_count >= release.cell_min) IS NOT TRUE AS is_suppressed,
    release.cell_min,
    release.epsilon::double precision AS epsilon
FROM privacy.releases AS release
JOIN privacy.released_cells AS cell USING (release_id)
WHERE release.kind = 'risk_tiers';
COMMENT ON VIEW reports.public_risk_tiers IS 'one row per published week and risk tier: active customers, with noise that protects each of them; for anybody to see';
COMMENT ON COLUMN reports.public_risk_tiers.week_on IS 'Monday of the week';
COMMENT ON COLUMN reports.public_risk_tiers.as_of IS 'the day of the week that was counted: the first with published scores';
COMMENT ON COLUMN reports.public_risk_tiers.risk_tier IS 'low, medium, high or critical';
COMMENT ON COLUMN reports.public_risk_tiers.tier_rank IS '1 critical to 4 low, to sort by';
COMMENT ON COLUMN reports.public_risk_tiers.customers_count IS 'customers in the tier, with noise; empty where that is below the bound';
COMMENT ON COLUMN reports.public_risk_tiers.margin_count IS 'by how many customers at most the count is off, in 95 of 100 cases';
COMMENT ON COLUMN reports.public_risk_tiers.is_suppressed IS 'whether the count, with its noise, was below the bound';
COMMENT ON COLUMN reports.public_risk_tiers.cell_min IS 'the bound';
COMMENT ON COLUMN reports.public_risk_tiers.epsilon IS 'what the week cost of the month''s privacy budget';
CREATE OR REPLACE VIEW reports.public_cohorts AS
SELECT
    release.period_on AS month_on,
    release.as_of,
    cell.cohort_on,
    cell.risk_tier,
    1 + (cell.place - 1) % 4 AS tier_rank,
    CASE WHEN cell.customers_count >= release.cell_min THEN cell.customers_count END AS customers_count,
    release.margin_count,
    (cell.customers_count >= release.cell_min) IS NOT TRUE AS is_suppressed,
    release.cell_min,
    release.epsilon::double precision AS epsilon
FROM privacy.releases AS release
JOIN privacy.released_cells AS cell USING (release_id)
WHERE release.kind = 'cohorts';
COMMENT ON VIEW reports.public_cohorts IS 'one row per published month, cohort and risk tier: active customers, with noise that protects each of them; for anybody to see';
COMMENT ON COLUMN reports.public_cohorts.month_on IS 'first day of the month';
COMMENT ON COLUMN reports.public_cohorts.as_of IS 'the day of the month that was counted: the first with published scores and profiles';
COMMENT ON COLUMN reports.public_cohorts.cohort_on IS 'first day of the month of the first order, one of the twelve before as_of; empty: all earlier months together';
COMMENT ON COLUMN reports.public_cohorts.risk_tier IS 'low, medium, high or critical';
COMMENT ON COLUMN reports.public_cohorts.tier_rank IS '1 critical to 4 low, to sort by';
COMMENT ON COLUMN reports.public_cohorts.customers_count IS 'customers of the cohort in the tier, with noise; empty where that is below the bound';
COMMENT ON COLUMN reports.public_cohorts.margin_count IS 'by how many customers at most the count is off, in 95 of 100 cases';
COMMENT ON COLUMN reports.public_cohorts.is_suppressed IS 'whether the count, with its noise, was below the bound';
COMMENT ON COLUMN reports.public_cohorts.cell_min IS 'the bound';
COMMENT ON COLUMN reports.public_cohorts.epsilon IS 'what the month''s cohorts cost of the month''s privacy budget';
