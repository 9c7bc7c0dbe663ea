CREATE OR REPLACE VIEW reports.recommendation_performance AS
SELECT
    'offline' AS evidence,
    fit.evaluated_on AS as_of,
    CASE method.key WHEN 'champion' THEN 'ranker' ELSE method.key END AS method,
    list.key AS list,
    figure.key AS metric,
    figure.value::text::double precision AS value,
    NULL::double precision AS lower,
    NULL::double precision AS upper,
    CASE WHEN is_compared.yes THEN (fit.evidence -> 'difference' ->> 'value')::double precision END AS difference,
    CASE WHEN is_compared.yes THEN (fit.evidence -> 'difference' ->> 'lower')::double precision END AS difference_lower,
    CASE WHEN is_compared.yes THEN (fit.evidence -> 'difference' ->> 'upper')::double precision END AS difference_upper,
    CASE WHEN list.key = 'mixed' THEN (fit.evidence ->> 'customers_count')::bigint END AS customers_count,
    'ranker' AS lists_by,
    fit.bundle_sha256,
    fit.fit_id,
    NULL::bigint AS snapshot_id,
    fit.as_of AS known_as_of,
    NULL::bigint AS abnormal_count
FROM recommendations.fits AS fit
CROSS JOIN LATERAL jsonb_each(fit.evidence -> 'methods') AS method
CROSS JOIN LATERAL jsonb_each(method.value) AS list
CROSS JOIN LATERAL jsonb_each(list.value) AS figure
CROSS JOIN LATERAL (
    SELECT method.key = 'personal_frequency' AND list.key = 'mixed' AND figure.key = 'ndcg' AS yes
) AS is_compared
UNION ALL
SELECT
    'outcomes',
    measured.as_of,
    measured.method,
    measured.list,
    measured.metric,
    measured.value,
    measured.lower,
    measured.upper,
    measured.difference,
    measured.difference_lower,
    measured.difference_upper,
    measured.customers_count,
    manifest.method,
    manifest.bundle_sha256,
    NULL,
    measured.snapshot_id,
    measured.known_as_of,
    measured.abnormal_count
FROM outcomes.list_performance AS measured
JOIN recommendations.snapshots AS manifest USING (snapshot_id);
COMMENT ON VIEW reports.recommendation_performance IS 'one row per day, method, list and metric: how good lists of products were, and what two simple methods would have listed for the same customers';
COMMENT ON COLUMN reports.recommendation_performance.evidence IS 'offline: a ranker of the same making on a past day, when it was fitted; outcomes: published lists, after their window had closed';
COMMENT ON COLUMN reports.recommendation_performance.as_of IS 'the day of the lists';
COMMENT ON COLUMN reports.recommendation_performance.method IS 'ranker or published; beside it personal_frequency (what each customer bought on most days) and best_sellers (most buyers in 28 days)';
COMMENT ON COLUMN reports.recommendation_performance.list IS 'again: bought before the day; new: never bought; mixed: of both';
COMMENT ON COLUMN reports.recommendation_performance.metric IS 'ndcg, recall, hit (anything bought) of the first ten ranks, means over customers; coverage: share of the products that are on any list';
COMMENT ON COLUMN reports.recommendation_performance.value IS 'the metric, 0 to 1';
COMMENT ON COLUMN reports.recommendation_performance.lower IS 'lower end of the 95 % interval over customers; empty for offline and coverage';
COMMENT ON COLUMN reports.recommendation_performance.upper IS 'upper end of the 95 % interval';
COMMENT ON COLUMN reports.recommendation_performance.difference IS 'the ranker''s, or that of the published lists, minus this method''s, customer by customer; offline only NDCG of the mixed list against personal_frequency';
COMMENT ON COLUMN reports.recommendation_performance.difference_lower IS 'lower end of its 95 % interval';
COMMENT ON COLUMN reports.recommendation_performance.difference_upper IS 'upper end of its 95 % interval';
COMMENT ON COLUMN reports.recommendation_performance.customers_count IS 'customers who bought something of the list''s kind within the window; offline known for mixed alone';
COMMENT ON COLUMN reports.recommendation_performance.lists_by IS 'by what the published lists were made: ranker, frequency or best_sellers; offline ranker';
COMMENT ON COLUMN reports.recommendation_performance.bundle_sha256 IS 'digest of the ranker; empty where none made the lists';
COMMENT ON COLUMN reports.recommendation_performance.fit_id IS 'the fit; empty for outcomes';
COMMENT ON COLUMN reports.recommendation_performance.snapshot_id IS 'the run that made the lists; empty for offline';
COMMENT ON COLUMN reports.recommendation_performance.abnormal_count IS 'customers with a list left out because they were excluded as abnormal when the window had closed and settled; empty for offline';
COMMENT ON COLUMN reports.recommendation_performance.known_as_of IS 'what was known at the start of this day';
