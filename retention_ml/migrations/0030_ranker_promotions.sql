-- Rankers of products go through the same ledger and the same trials as churn models.
ALTER TABLE models.promotions
    ADD COLUMN as_of date,
    DROP CONSTRAINT promotions_alias_check,
    ADD CONSTRAINT promotions_alias_check CHECK (alias IN (
        'champion', 'challenger', 'recommendations_champion', 'recommendations_challenger'
    ));
COMMENT ON COLUMN models.promotions.alias IS 'champion and challenger are churn models, in MLflow aliases of churn; recommendations_champion and recommendations_challenger are rankers, in MLflow aliases of recommendations';
COMMENT ON COLUMN models.promotions.model_version IS 'version in the model registry; of a ranker ranker- and the number of its fit';
COMMENT ON COLUMN models.promotions.as_of IS 'of rankers: the day from which on the decision counts; empty for churn models, whose newest decision counts for every day';

INSERT INTO models.promotions (alias, model_name, model_version, bundle_sha256, verdict, decided_by, reason, evidence, decided_at, as_of)
SELECT 'recommendations_champion', 'recommendations', 'ranker-' || fit_id, bundle_sha256, 'promote', 'fit', reason, evidence, fitted_at, as_of
FROM recommendations.fits WHERE is_in_force ORDER BY fit_id;
COMMENT ON TABLE recommendations.fits IS 'append-only: one row per fit of the ranker, and how one of the same making did on a past day; which one makes the lists is decided in models.promotions';
COMMENT ON COLUMN recommendations.fits.is_in_force IS 'whether it made the lists from as_of on at once; otherwise it did not prove itself, or stands on trial first';

ALTER TABLE outcomes.trials
    ADD COLUMN registered_model text NOT NULL DEFAULT 'churn' CHECK (registered_model IN ('churn', 'recommendations'));
COMMENT ON COLUMN outcomes.trials.registered_model IS 'churn: two churn models; recommendations: two rankers of products';
COMMENT ON COLUMN outcomes.trials.definition_hash IS 'the churn definition that both predict; of rankers the window in which purchases count';
COMMENT ON COLUMN outcomes.trial_looks.mean_difference IS 'Brier score of the champion minus that of the challenger, of rankers NDCG@10 of the challenger minus that of the champion; above zero the challenger is better';
COMMENT ON COLUMN outcomes.trial_looks.customers_count IS 'forecasts counted, of rankers lists: one per customer and outcome window, none overlapping';
