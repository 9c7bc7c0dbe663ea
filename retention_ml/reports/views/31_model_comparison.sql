CREATE OR REPLACE VIEW reports.model_comparison AS
SELECT
    training.training_id,
    training.as_of,
    difference.model_name,
    difference.model_name IS NOT DISTINCT FROM training.selected_model AS is_selected,
    split_part(difference.metric, '_minus_', 1) AS metric,
    split_part(difference.metric, '_minus_', 2) AS baseline_name,
    candidate.value,
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
    training.finished_at,
    'offline' AS evidence,
    NULL::bigint AS trial_id,
    'paired' AS comparison,
    'all' AS segment,
    CASE WHEN difference.model_name = training.selected_model THEN training.model_version END AS model_version,
    NULL AS baseline_version,
    NULL AS trial_status,
    training.verdict
FROM models.evaluations AS difference
JOIN models.trainings AS training USING (training_id)
LEFT JOIN models.evaluations AS candidate
    ON candidate.training_id = difference.training_id
    AND candidate.model_name = difference.model_name
    AND candidate.metric = split_part(difference.metric, '_minus_', 1)
LEFT JOIN models.evaluations AS baseline
    ON baseline.training_id = difference.training_id
    AND baseline.model_name = split_part(difference.metric, '_minus_', 2)
    AND baseline.metric = split_part(difference.metric, '_minus_', 1)
WHERE difference.metric LIKE '%\_minus\_%'
UNION ALL
SELECT
    NULL,
    comparison.as_of,
    challenger.selected_model,
    NULL,
    comparison.metric,
    champion.selected_model,
    comparison.challenger_value,
    comparison.champion_value,
    comparison.difference,
    comparison.lower,
    comparison.upper,
    CASE
        WHEN comparison.metric IN ('log_loss', 'brier', 'ece', 'churn_rate') THEN comparison.upper < 0
        ELSE comparison.lower > 0
    END,
    comparison.customers_count,
    NULL,
    'outcomes',
    comparison.trial_id,
    comparison.comparison,
    comparison.segment,
    trial.challenger_version,
    trial.champion_version,
    trial.status,
    look.verdict
FROM outcomes.comparisons AS comparison
JOIN outcomes.trials AS trial USING (trial_id)
LEFT JOIN outcomes.trial_looks AS look USING (trial_id, as_of)
LEFT JOIN LATERAL (
    SELECT training.selected_model
    FROM models.trainings AS training
    WHERE training.model_version = trial.challenger_version
    ORDER BY training.created_at DESC
    LIMIT 1
) AS challenger ON true
LEFT JOIN LATERAL (
    SELECT training.selected_model
    FROM models.trainings AS training
    WHERE training.model_version = trial.champion_version
    ORDER BY training.created_at DESC
    LIMIT 1
) AS champion ON true;
COMMENT ON VIEW reports.model_comparison IS 'one row per comparison of two models, segment and metric: offline, a training''s candidate with a baseline on the same customers; outcomes, at each look at a trial, the challenger with the champion on what really happened';
COMMENT ON COLUMN reports.model_comparison.training_id IS 'the training; empty for outcomes';
COMMENT ON COLUMN reports.model_comparison.as_of IS 'the day the training stands for; for outcomes the day of the look';
COMMENT ON COLUMN reports.model_comparison.model_name IS 'the candidate; for outcomes the challenger''s kind, empty where its training is not known';
COMMENT ON COLUMN reports.model_comparison.is_selected IS 'whether the training chose this candidate; empty for outcomes';
COMMENT ON COLUMN reports.model_comparison.metric IS 'what was measured';
COMMENT ON COLUMN reports.model_comparison.baseline_name IS 'the model it is compared with; for outcomes the champion''s kind';
COMMENT ON COLUMN reports.model_comparison.value IS 'the candidate''s metric';
COMMENT ON COLUMN reports.model_comparison.baseline_value IS 'the baseline''s metric on the same customers; in a comparison of arms on its own';
COMMENT ON COLUMN reports.model_comparison.difference IS 'candidate minus baseline, paired: the same resampled customers for both; in a comparison of arms between different customers';
COMMENT ON COLUMN reports.model_comparison.difference_lower IS 'lower end of the 95 % interval of the difference';
COMMENT ON COLUMN reports.model_comparison.difference_upper IS 'upper end of the 95 % interval of the difference';
COMMENT ON COLUMN reports.model_comparison.is_better IS 'whether the whole interval lies on the better side of zero (lower is better for log_loss, brier, ece and churn_rate)';
COMMENT ON COLUMN reports.model_comparison.customers_count IS 'customers and days it was measured on';
COMMENT ON COLUMN reports.model_comparison.finished_at IS 'when the training ended; empty for outcomes';
COMMENT ON COLUMN reports.model_comparison.evidence IS 'offline: at training, on past days; outcomes: in a trial, on what really happened';
COMMENT ON COLUMN reports.model_comparison.trial_id IS 'the trial, see reports.trials; empty for offline';
COMMENT ON COLUMN reports.model_comparison.comparison IS 'paired: both models on the same customers; arms: what became of the customers each one served';
COMMENT ON COLUMN reports.model_comparison.segment IS 'all, or a customer segment such as bought_once';
COMMENT ON COLUMN reports.model_comparison.model_version IS 'version of the challenger in the model registry; for offline of the chosen candidate';
COMMENT ON COLUMN reports.model_comparison.baseline_version IS 'version of the champion; empty for offline';
COMMENT ON COLUMN reports.model_comparison.trial_status IS 'what became of the trial so far: open, won, lost, undecided or abandoned; empty for offline';
COMMENT ON COLUMN reports.model_comparison.verdict IS 'what became of the chosen candidate; for outcomes what the look said: promote, keep or inconclusive';
