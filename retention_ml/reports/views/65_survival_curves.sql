CREATE OR REPLACE VIEW reports.survival_curves AS
SELECT
    step.as_of,
    step.curve,
    step.population,
    step.day,
    step.at_risk_count,
    step.events_count,
    step.survival_share,
    step.survival_lower,
    step.survival_upper,
    step.median_days
FROM (SELECT snapshot_id FROM profiles.published ORDER BY as_of DESC LIMIT 1) AS pointer
JOIN profiles.survival AS step USING (snapshot_id);
COMMENT ON VIEW reports.survival_curves IS 'one row per curve, population and day of the latest published day: the share to whom it has not happened yet (Kaplan-Meier)';
COMMENT ON COLUMN reports.survival_curves.as_of IS 'the day';
COMMENT ON COLUMN reports.survival_curves.curve IS 'second_order, third_order, fourth_order: days from one purchase day to the next; lapse: from the first purchase day until the customer first lapsed';
COMMENT ON COLUMN reports.survival_curves.population IS 'all, or observed_from_first: without those who may have ordered before the data begins';
COMMENT ON COLUMN reports.survival_curves.day IS 'days since the beginning; a value holds until the next row';
COMMENT ON COLUMN reports.survival_curves.at_risk_count IS 'customers to whom it had not happened, and who were observed for so long';
COMMENT ON COLUMN reports.survival_curves.events_count IS 'to whom it happened on the day';
COMMENT ON COLUMN reports.survival_curves.survival_share IS 'share to whom it has not happened by then';
COMMENT ON COLUMN reports.survival_curves.survival_lower IS 'lower end of its 95 % interval (log-log); empty where it is not defined';
COMMENT ON COLUMN reports.survival_curves.survival_upper IS 'upper end';
COMMENT ON COLUMN reports.survival_curves.median_days IS 'first day by which it happened to half; of the whole curve';
