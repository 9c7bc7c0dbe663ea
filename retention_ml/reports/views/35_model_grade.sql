-- Outcomes count more than the evaluation at training: they are what was really forecast.
CREATE OR REPLACE VIEW reports.model_grade AS
WITH served AS (
    SELECT
        manifest.model_name,
        manifest.model_version,
        min(pointer.as_of) AS served_from,
        max(pointer.as_of) AS served_until,
        max(pointer.as_of) = (SELECT max(as_of) FROM scores.published) AS is_serving
    FROM scores.published AS pointer
    JOIN scores.snapshots AS manifest ON manifest.snapshot_id = pointer.snapshot_id
    GROUP BY manifest.model_name, manifest.model_version
),
of_outcomes AS (
    SELECT DISTINCT ON (manifest.model_name, difference.model_version)
        manifest.model_name,
        difference.model_version,
        difference.as_of,
        model.value AS roc_auc,
        difference.value AS difference,
        difference.lower,
        difference.upper,
        difference.customers_count,
        (
            SELECT error.value FROM outcomes.performance AS error
            WHERE error.snapshot_id = difference.snapshot_id AND error.role = difference.role
                AND error.segment = 'all' AND error.metric = 'ece'
        ) AS calibration_error
    FROM outcomes.performance AS difference
    JOIN scores.snapshots AS manifest ON manifest.snapshot_id = difference.snapshot_id
    JOIN outcomes.performance AS model
        ON model.snapshot_id = difference.snapshot_id AND model.role = difference.role
        AND model.segment = difference.segment AND model.metric = 'roc_auc'
    WHERE difference.role = 'champion' AND difference.segment = 'all' AND difference.metric = 'roc_auc_minus_recency'
    ORDER BY manifest.model_name, difference.model_version, difference.as_of DESC, difference.snapshot_id DESC
),
at_training AS (
    SELECT DISTINCT ON (training.model_version)
        training.model_version,
        training.as_of,
        model.value AS roc_auc,
        difference.value AS difference,
        difference.lower,
        difference.upper,
        difference.customers_count,
        (
            SELECT error.value FROM models.evaluations AS error
            WHERE error.training_id = training.training_id AND error.model_name = training.selected_model AND error.metric = 'ece'
        ) AS calibration_error
    FROM models.trainings AS training
    JOIN models.evaluations AS difference
        ON difference.training_id = training.training_id AND difference.model_name = training.selected_model
        AND difference.metric = 'roc_auc_minus_recency'
    JOIN models.evaluations AS model
        ON model.training_id = training.training_id AND model.model_name = training.selected_model AND model.metric = 'roc_auc'
    WHERE training.model_version IS NOT NULL
    ORDER BY training.model_version, training.created_at DESC
),
graded AS (
    SELECT
        served.*,
        CASE
            WHEN matured.lower > 0 THEN 'A'
            WHEN matured.upper < 0 THEN 'C'
            WHEN trained.lower > 0 THEN 'B'
            ELSE 'C'
        END AS grade,
        CASE WHEN matured.difference IS NOT NULL THEN 'outcomes' WHEN trained.difference IS NOT NULL THEN 'training' ELSE 'none' END AS evidence,
        CASE WHEN matured.difference IS NOT NULL THEN matured.as_of ELSE trained.as_of END AS measured_as_of,
        coalesce(matured.difference, trained.difference) AS difference,
        CASE WHEN matured.difference IS NOT NULL THEN matured.lower ELSE trained.lower END AS lower,
        CASE WHEN matured.difference IS NOT NULL THEN matured.upper ELSE trained.upper END AS upper,
        CASE WHEN matured.difference IS NOT NULL THEN matured.roc_auc ELSE trained.roc_auc END AS roc_auc,
        CASE WHEN matured.difference IS NOT NULL THEN matured.calibration_error ELSE trained.calibration_error END AS calibration_error,
        CASE WHEN matured.difference IS NOT NULL THEN matured.customers_count ELSE trained.customers_count END AS customers_count,
        trained.lower > 0 AS is_better_at_training
    FROM served
    LEFT JOIN of_outcomes AS matured USING (model_name, model_version)
    LEFT JOIN at_training AS trained ON trained.model_version = served.model_version AND served.model_name <> 'starter'
)
SELECT
    graded.model_name,
    graded.model_version,
    graded.is_serving,
    graded.grade,
    CASE
        WHEN graded.evidence = 'none' AND graded.model_name = 'starter'
            THEN 'Not graded by this shop yet: the model was trained on other shops, and no outcome of its scores is known.'
        WHEN graded.evidence = 'none'
            THEN 'Not compared with the recency rule: neither at its training nor by outcomes.'
        WHEN graded.evidence = 'outcomes' AND graded.grade = 'A'
            THEN 'Proven by outcomes: it ranked customers better than the days since their last order would have, '
        WHEN graded.evidence = 'outcomes' AND graded.upper < 0
            THEN 'Worse than the days since the last order, by outcomes: do not act on it, '
        WHEN graded.evidence = 'outcomes' AND graded.grade = 'B'
            THEN 'Better than the recency rule at its training, but outcomes do not decide yet: '
        WHEN graded.evidence = 'outcomes'
            THEN 'Not shown to rank customers better than the days since their last order: '
        WHEN graded.grade = 'B'
            THEN 'Better than the recency rule on past days at its training; no outcome of its scores is known yet: '
        ELSE 'Not shown to be better than the recency rule at its training, and no outcome of its scores is known yet: '
    END || CASE WHEN graded.evidence = 'none' THEN '' ELSE
        'ROC AUC ' || to_char(graded.roc_auc, 'FM0.000') || ' against ' || to_char(graded.roc_auc - graded.difference, 'FM0.000')
        || ', a difference of ' || to_char(graded.difference, 'FMSG0.000')
        || coalesce(' (95 % interval ' || to_char(graded.lower, 'FMSG0.000') || ' to ' || to_char(graded.upper, 'FMSG0.000') || ')', '')
        || ', ' || to_char(graded.customers_count, 'FM999,999,999,990') || ' customers'
        || CASE graded.evidence WHEN 'outcomes' THEN ' scored on ' ELSE ', training of ' END || graded.measured_as_of || '.'
    END AS sentence,
    graded.evidence,
    graded.measured_as_of,
    graded.roc_auc,
    graded.roc_auc - graded.difference AS recency_roc_auc,
    graded.difference,
    graded.lower,
    graded.upper,
    graded.calibration_error,
    graded.customers_count,
    graded.served_from,
    graded.served_until
FROM graded;
COMMENT ON VIEW reports.model_grade IS 'one row per model version that scored a published day: its grade against the best recency rule, customers ranked by the days since their last order';
COMMENT ON COLUMN reports.model_grade.model_name IS 'the kind of model; starter: trained on other shops';
COMMENT ON COLUMN reports.model_grade.model_version IS 'version in the model registry';
COMMENT ON COLUMN reports.model_grade.is_serving IS 'whether it scored the newest published day';
COMMENT ON COLUMN reports.model_grade.grade IS 'A: better than the recency rule by outcomes; B: better at its training, while outcomes are missing or do not decide; C: not shown to be better';
COMMENT ON COLUMN reports.model_grade.sentence IS 'the grade in words, with its figures';
COMMENT ON COLUMN reports.model_grade.evidence IS 'what the figures are of: outcomes of the newest scored day that has matured, else training, else none';
COMMENT ON COLUMN reports.model_grade.measured_as_of IS 'that scored day, or the day of the training';
COMMENT ON COLUMN reports.model_grade.roc_auc IS 'probability that of a churned and a retained customer the model ranks the churned one higher; 0.5 is chance';
COMMENT ON COLUMN reports.model_grade.recency_roc_auc IS 'the same of the recency rule, on the same customers';
COMMENT ON COLUMN reports.model_grade.difference IS 'roc_auc minus recency_roc_auc';
COMMENT ON COLUMN reports.model_grade.lower IS 'lower end of the 95 % interval of the difference, paired';
COMMENT ON COLUMN reports.model_grade.upper IS 'upper end';
COMMENT ON COLUMN reports.model_grade.calibration_error IS 'expected calibration error: by how much probabilities are off on average, 0 to 1';
COMMENT ON COLUMN reports.model_grade.customers_count IS 'customers it was measured on';
COMMENT ON COLUMN reports.model_grade.served_from IS 'first published day that it scored';
COMMENT ON COLUMN reports.model_grade.served_until IS 'newest published day that it scored';
