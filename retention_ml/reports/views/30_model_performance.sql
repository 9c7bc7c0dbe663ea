CREATE VIEW reports.model_performance AS
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
    training.finished_at
FROM models.evaluations AS evaluation
JOIN models.trainings AS training USING (training_id)
WHERE evaluation.metric NOT LIKE '%\_minus\_%';
COMMENT ON VIEW reports.model_performance IS 'one row per training, candidate model and metric, on days after those it learnt from';
COMMENT ON COLUMN reports.model_performance.training_id IS 'the training';
COMMENT ON COLUMN reports.model_performance.as_of IS 'the day the training stands for';
COMMENT ON COLUMN reports.model_performance.model_name IS 'the candidate';
COMMENT ON COLUMN reports.model_performance.is_selected IS 'whether the training chose this candidate';
COMMENT ON COLUMN reports.model_performance.metric IS 'roc_auc, pr_auc, log_loss, brier, ece, lift_at_10 and others';
COMMENT ON COLUMN reports.model_performance.value IS 'the metric, mean over the evaluation days';
COMMENT ON COLUMN reports.model_performance.lower IS 'lower end of the 95 % interval, from resampling customers';
COMMENT ON COLUMN reports.model_performance.upper IS 'upper end of the 95 % interval';
COMMENT ON COLUMN reports.model_performance.customers_count IS 'customers and days it was measured on';
COMMENT ON COLUMN reports.model_performance.verdict IS 'what became of the chosen candidate';
COMMENT ON COLUMN reports.model_performance.reason IS 'why, in words';
COMMENT ON COLUMN reports.model_performance.model_version IS 'version in the model registry, for the chosen candidate';
COMMENT ON COLUMN reports.model_performance.definition_hash IS 'the churn definition';
COMMENT ON COLUMN reports.model_performance.mlflow_run_id IS 'the run in MLflow with plots and the model card';
COMMENT ON COLUMN reports.model_performance.finished_at IS 'when the training ended';
