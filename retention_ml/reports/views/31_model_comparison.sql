CREATE VIEW reports.model_comparison AS
SELECT
    training.training_id,
    training.as_of,
    difference.model_name,
    difference.model_name IS NOT DISTINCT FROM training.selected_model AS is_selected,
    split_part(difference.metric, '_minus_', 1) AS metric,
    split_part(difference.metric, '_minus_', 2) AS baseline_name,
    own.value,
    baseline.value AS baseline_value,
    difference.value AS difference,
    difference.lower AS difference_lower,
    difference.upper AS difference_upper,
    CASE
        WHEN split_part(difference.metric, '_minus_', 1) IN ('log_loss', 'brier', 'ece')
            THEN difference.upper < 0
        ELSE difference.lower > 0
    END AS is_better,
    difference.customers_count,
    training.finished_at
FROM models.evaluations AS difference
JOIN models.trainings AS training USING (training_id)
LEFT JOIN models.evaluations AS own
    ON own.training_id = difference.training_id
    AND own.model_name = difference.model_name
    AND own.metric = split_part(difference.metric, '_minus_', 1)
LEFT JOIN models.evaluations AS baseline
    ON baseline.training_id = difference.training_id
    AND baseline.model_name = split_part(difference.metric, '_minus_', 2)
    AND baseline.metric = split_part(difference.metric, '_minus_', 1)
WHERE difference.metric LIKE '%\_minus\_%';
COMMENT ON VIEW reports.model_comparison IS 'one row per training, candidate and metric: its paired difference to a baseline on the same customers';
COMMENT ON COLUMN reports.model_comparison.training_id IS 'the training';
COMMENT ON COLUMN reports.model_comparison.as_of IS 'the day the training stands for';
COMMENT ON COLUMN reports.model_comparison.model_name IS 'the candidate';
COMMENT ON COLUMN reports.model_comparison.is_selected IS 'whether the training chose this candidate';
COMMENT ON COLUMN reports.model_comparison.metric IS 'what was measured';
COMMENT ON COLUMN reports.model_comparison.baseline_name IS 'the model it is compared with';
COMMENT ON COLUMN reports.model_comparison.value IS 'the candidate''s metric';
COMMENT ON COLUMN reports.model_comparison.baseline_value IS 'the baseline''s metric on the same customers';
COMMENT ON COLUMN reports.model_comparison.difference IS 'candidate minus baseline, paired: the same resampled customers for both';
COMMENT ON COLUMN reports.model_comparison.difference_lower IS 'lower end of the 95 % interval of the difference';
COMMENT ON COLUMN reports.model_comparison.difference_upper IS 'upper end of the 95 % interval of the difference';
COMMENT ON COLUMN reports.model_comparison.is_better IS 'whether the whole interval lies on the better side of zero (lower is better for log_loss, brier and ece)';
COMMENT ON COLUMN reports.model_comparison.customers_count IS 'customers and days it was measured on';
COMMENT ON COLUMN reports.model_comparison.finished_at IS 'when the training ended';
