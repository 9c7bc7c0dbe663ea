CREATE OR REPLACE VIEW reports.reason_themes AS
WITH theme (family, place, words) AS (
    VALUES
        ('recency', 1, 'silent for long, or new'),
        ('gaps', 2, 'slower than their own rhythm, or bought once'),
        ('frequency', 3, 'fewer orders'),
        ('trend', 4, 'orders or spending on the way down'),
        ('monetary', 5, 'less spent'),
        ('basket', 6, 'smaller or cheaper baskets'),
        ('breadth', 7, 'fewer different products'),
        ('assortment', 8, 'products that lose their buyers'),
        ('returns', 9, 'returns and cancellations'),
        ('discounts', 10, 'buys for discounts'),
        ('habits', 11, 'days and hours of ordering'),
        ('events', 12, 'fewer visits'),
        ('campaigns', 13, 'campaigns without an answer'),
        ('feedback', 14, 'complaints and bad marks'),
        ('season', 15, 'time of the year'),
        ('fallback', 16, 'no clear reason, only weak signs')
),
-- Snapshots made before their themes were stored are counted here.
counted AS (
    SELECT
        pointer.as_of,
        pointer.snapshot_id,
        stored.risk_tier,
        stored.family,
        stored.customers_count,
        stored.first_count,
        stored.value_at_risk_cents::numeric AS value_at_risk_cents,
        stored.example
    FROM scores.published AS pointer
    JOIN scores.reason_totals AS stored ON stored.snapshot_id = pointer.snapshot_id
    UNION ALL
    SELECT
        pointer.as_of,
        pointer.snapshot_id,
        score.risk_tier,
        split_part(reason.code, '/', 1),
        count(*),
        count(*) FILTER (WHERE reason.place = 1),
        sum(score.expected_value_at_risk_cents),
        mode() WITHIN GROUP (ORDER BY reason.words)
    FROM scores.published AS pointer
    JOIN scores.customer_daily AS score ON score.snapshot_id = pointer.snapshot_id
    CROSS JOIN LATERAL (
        VALUES (1, score.reason_1_code, score.reason_1), (2, score.reason_2_code, score.reason_2), (3, score.reason_3_code, score.reason_3)
    ) AS reason (place, code, words)
    WHERE reason.code IS NOT NULL
    AND NOT EXISTS (SELECT FROM scores.reason_totals AS stored WHERE stored.snapshot_id = pointer.snapshot_id)
    GROUP BY pointer.as_of, pointer.snapshot_id, score.risk_tier, split_part(reason.code, '/', 1)
)
SELECT
    counted.as_of,
    counted.risk_tier,
    counted.family,
    coalesce(theme.words, counted.family) AS theme,
    counted.customers_count,
    counted.first_count,
    (counted.value_at_risk_cents / manifest.minor_units::numeric)::numeric(18, 2) AS expected_value_at_risk,
    counted.example
FROM counted
JOIN scores.snapshots AS manifest ON manifest.snapshot_id = counted.snapshot_id
LEFT JOIN theme ON theme.family = counted.family;
COMMENT ON VIEW reports.reason_themes IS 'one row per published day, risk tier and theme of reasons: for how many customers it is one of their three reasons';
COMMENT ON COLUMN reports.reason_themes.as_of IS 'the published day';
COMMENT ON COLUMN reports.reason_themes.risk_tier IS 'low, medium, high or critical';
COMMENT ON COLUMN reports.reason_themes.family IS 'family of features behind it, as before the stroke in reason_1_code';
COMMENT ON COLUMN reports.reason_themes.theme IS 'the same in words';
COMMENT ON COLUMN reports.reason_themes.customers_count IS 'customers with a reason of the theme; each has one at most per theme, and up to three themes';
COMMENT ON COLUMN reports.reason_themes.first_count IS 'those of them for whom it is the first reason';
COMMENT ON COLUMN reports.reason_themes.expected_value_at_risk IS 'sum over these customers, in the shop''s currency; do not add themes up';
COMMENT ON COLUMN reports.reason_themes.example IS 'the most frequent of its sentences';
