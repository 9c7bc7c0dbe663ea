CREATE OR REPLACE VIEW reports.model_performance AS
SELECT
    training.training_id,
    training.as_of,
    evaluation.model_name,
    evaluation.model_name IS NOT DISTINCT FROM training.selected_model AS is_selected,
    evaluation.metric,
    evaluation.value,
    evaluation.lower,
    evaluation.upper,
    evaluation.customers_count,
    training.verdict,
    training.reason,
    CASE WHEN evaluation.model_name = training.selected_model THEN training.model_version END AS model_version,
    training.definition_hash,
    evaluation.mlflow_run_id,
    training.finished_at,
    'offline' AS evidence,
    NULL AS role,
    'all' AS segment,
    NULL::bigint AS snapshot_id,
    NULL::bigint AS contacted_count,
    training.as_of AS known_as_of,
    NULL::bigint AS abnormal_count
FROM models.evaluations AS evaluation
JOIN models.trainings AS training USING (training_id)
WHERE evaluation.metric NOT LIKE '%\_minus\_%'
UNION ALL
SELECT
    NULL,
    performance.as_of,
    coalesce(version_training.selected_model, CASE WHEN performance.role = 'champion' THEN manifest.model_name END),
    NULL,
    performance.metric,
    performance.value,
    performance.lower,
    performance.upper,
    performance.customers_count,
    NULL,
    NULL,
    performance.model_version,
    performance.definition_hash,
    NULL,
    NULL,
    'outcomes',
    performance.role,
    performance.segment,
    performance.snapshot_id,
    performance.contacted_count,
    performance.known_as_of,
    performance.abnormal_count
FROM outcomes.performance AS performance
JOIN scores.snapshots AS manifest USING (snapshot_id)
LEFT JOIN LATERAL (
    SELECT training.selected_model
    FROM models.trainings AS training
    WHERE training.model_version = performance.model_version
    ORDER BY training.created_at DESC
    LIMIT 1
) AS version_training ON true
-- Differences are in reports.model_comparison and model_grade.
WHERE performance.metric NOT LIKE '%\_minus\_%';
COMMENT ON VIEW reports.model_performance IS 'one row per model, metric and evidence: offline, of a training''s candidates on days after those they learnt from; outcomes, of published scores, by scored day and segment, once what happened was known';
COMMENT ON COLUMN reports.model_performance.training_id IS 'the training; empty for outcomes';
COMMENT ON COLUMN reports.model_performance.as_of IS 'the day the training stands for; for outcomes the scored day';
COMMENT ON COLUMN reports.model_performance.model_name IS 'the candidate; for outcomes the kind of model that scored, empty where its training is not known';
COMMENT ON COLUMN reports.model_performance.is_selected IS 'whether the training chose this candidate; empty for outcomes';
COMMENT ON COLUMN reports.model_performance.metric IS 'roc_auc, pr_auc, log_loss, brier, ece, lift_at_10 and others';
COMMENT ON COLUMN reports.model_performance.value IS 'the metric, mean over the evaluation days; for outcomes of the one scored day';
COMMENT ON COLUMN reports.model_performance.lower IS 'lower end of the 95 % interval, from resampling customers';
COMMENT ON COLUMN reports.model_performance.upper IS 'upper end of the 95 % interval';
COMMENT ON COLUMN reports.model_performance.customers_count IS 'customers and days it was measured on';
COMMENT ON COLUMN reports.model_performance.verdict IS 'what became of the chosen candidate; empty for outcomes';
COMMENT ON COLUMN reports.model_performance.reason IS 'why, in words; empty for outcomes';
COMMENT ON COLUMN reports.model_performance.model_version IS 'version in the model registry, for the chosen candidate and for outcomes';
COMMENT ON COLUMN reports.model_performance.definition_hash IS 'the churn definition';
COMMENT ON COLUMN reports.model_performance.mlflow_run_id IS 'the run in MLflow with plots and the model card; empty for outcomes';
COMMENT ON COLUMN reports.model_performance.finished_at IS 'when the training ended; empty for outcomes';
COMMENT ON COLUMN reports.model_performance.evidence IS 'offline: evaluated at training on past days; outcomes: what published scores turned out to be worth';
COMMENT ON COLUMN reports.model_performance.role IS 'champion or challenger, as which the model scored that day; empty for offline';
COMMENT ON COLUMN reports.model_performance.segment IS 'all, or a customer segment such as bought_once; offline is about all';
COMMENT ON COLUMN reports.model_performance.snapshot_id IS 'the scoring run; empty for offline';
COMMENT ON COLUMN reports.model_performance.contacted_count IS 'customers left out because a campaign reached them inside the outcome window; empty for offline';
COMMENT ON COLUMN reports.model_performance.abnormal_count IS 'customers left out because they were excluded as abnormal when the outcome had settled; empty for offline';
COMMENT ON COLUMN reports.model_performance.known_as_of IS 'what was known at the start of this day: of outcomes, or to the training';
