WITH "t16" AS (
  SELECT
    "t12"."as_of_day",
    "t12"."customer_id",
    "t12"."event_day",
    CAST(CAST(SUM("t12"."orders_count") AS DOUBLE) AS BIGINT) AS "orders_count",
    CAST(CAST(SUM("t12"."orders_night_count") AS DOUBLE) AS BIGINT) AS "orders_night_count",
    CAST(CAST(SUM("t12"."orders_morning_count") AS DOUBLE) AS BIGINT) AS "orders_morning_count",
    CAST(CAST(SUM("t12"."orders_afternoon_count") AS DOUBLE) AS BIGINT) AS "orders_afternoon_count",
    CAST(CAST(SUM("t12"."orders_evening_count") AS DOUBLE) AS BIGINT) AS "orders_evening_count",
    CAST(CAST(SUM("t12"."returns_count") AS DOUBLE) AS BIGINT) AS "returns_count",
    CAST(CAST(SUM("t12"."cancellations_count") AS DOUBLE) AS BIGINT) AS "cancellations_count",
    CAST(CAST(SUM("t12"."lines_count") AS DOUBLE) AS BIGINT) AS "lines_count",
    CAST(CAST(SUM("t12"."pieces_count") AS DOUBLE) AS BIGINT) AS "pieces_count",
    CAST(CAST(SUM("t12"."revenue_cents") AS DOUBLE) AS BIGINT) AS "revenue_cents",
    CAST(CAST(SUM("t12"."discount_cents") AS DOUBLE) AS BIGINT) AS "discount_cents",
    CAST(CAST(SUM("t12"."discounted_lines_count") AS DOUBLE) AS BIGINT) AS "discounted_lines_count",
    CAST(CAST(SUM("t12"."returned_lines_count") AS DOUBLE) AS BIGINT) AS "returned_lines_count",
    CAST(CAST(SUM("t12"."refund_cents") AS DOUBLE) AS BIGINT) AS "refund_cents",
    CAST(CAST(SUM("t12"."events_count") AS DOUBLE) AS BIGINT) AS "events_count",
    CAST(CAST(SUM("t12"."views_count") AS DOUBLE) AS BIGINT) AS "views_count",
    CAST(CAST(SUM("t12"."carts_count") AS DOUBLE) AS BIGINT) AS "carts_count",
    CAST(CAST(SUM("t12"."cart_removals_count") AS DOUBLE) AS BIGINT) AS "cart_removals_count",
    CAST(CAST(SUM("t12"."wishlists_count") AS DOUBLE) AS BIGINT) AS "wishlists_count",
    CAST(CAST(SUM("t12"."checkouts_count") AS DOUBLE) AS BIGINT) AS "checkouts_count",
    CAST(CAST(SUM("t12"."searches_count") AS DOUBLE) AS BIGINT) AS "searches_count",
    CAST(CAST(SUM("t12"."logins_count") AS DOUBLE) AS BIGINT) AS "logins_count",
    CAST(CAST(SUM("t12"."shares_count") AS DOUBLE) AS BIGINT) AS "shares_count",
    CAST(CAST(SUM("t12"."reviews_count") AS DOUBLE) AS BIGINT) AS "reviews_count",
    CAST(CAST(SUM("t12"."sessions_count") AS DOUBLE) AS BIGINT) AS "sessions_count",
    CAST(CAST(SUM("t12"."contacts_count") AS DOUBLE) AS BIGINT) AS "contacts_count",
    CAST(CAST(SUM("t12"."contacts_opened_count") AS DOUBLE) AS BIGINT) AS "contacts_opened_count",
    CAST(CAST(SUM("t12"."contacts_clicked_count") AS DOUBLE) AS BIGINT) AS "contacts_clicked_count",
    CAST(CAST(SUM("t12"."redemptions_count") AS DOUBLE) AS BIGINT) AS "redemptions_count",
    CAST(CAST(SUM("t12"."feedback_count") AS DOUBLE) AS BIGINT) AS "feedback_count",
    CAST(CAST(SUM("t12"."complaints_count") AS DOUBLE) AS BIGINT) AS "complaints_count",
    CAST(CAST(SUM("t12"."ratings_count") AS DOUBLE) AS BIGINT) AS "ratings_count",
    CAST(CAST(SUM("t12"."rating_permille") AS DOUBLE) AS BIGINT) AS "rating_permille"
  FROM (
    SELECT
      *
    FROM (
      SELECT
        "t7"."as_of_day",
        "t4"."customer_id",
        "t4"."event_day",
        "t4"."known_from_day",
        "t4"."rollup_id",
        "t4"."orders_count",
        "t4"."orders_night_count",
        "t4"."orders_morning_count",
        "t4"."orders_afternoon_count",
        "t4"."orders_evening_count",
        "t4"."returns_count",
        "t4"."cancellations_count",
        "t4"."lines_count",
        "t4"."pieces_count",
        "t4"."revenue_cents",
        "t4"."discount_cents",
        "t4"."discounted_lines_count",
        "t4"."returned_lines_count",
        "t4"."refund_cents",
        "t4"."events_count",
        "t4"."views_count",
        "t4"."carts_count",
        "t4"."cart_removals_count",
        "t4"."wishlists_count",
        "t4"."checkouts_count",
        "t4"."searches_count",
        "t4"."logins_count",
        "t4"."shares_count",
        "t4"."reviews_count",
        "t4"."sessions_count",
        "t4"."contacts_count",
        "t4"."contacts_opened_count",
        "t4"."contacts_clicked_count",
        "t4"."redemptions_count",
        "t4"."feedback_count",
        "t4"."complaints_count",
        "t4"."ratings_count",
        "t4"."rating_permille"
      FROM (
        SELECT
          UNNEST([20000]) AS "as_of_day"
      ) AS "t7"
      CROSS JOIN "features"."customer_day" AS "t4"
    ) AS "t9"
    WHERE
      "t9"."event_day" < "t9"."as_of_day" AND "t9"."known_from_day" <= "t9"."as_of_day"
  ) AS "t12"
  GROUP BY
    1,
    2,
    3
), "t23" AS (
  SELECT DISTINCT
    "t18"."as_of_day",
    "t18"."customer_id"
  FROM "t16" AS "t18"
  WHERE
    "t18"."orders_count" > 0 AND (
      "t18"."as_of_day" - "t18"."event_day"
    ) <= 90
)
SELECT
  "t45"."as_of_day",
  "t45"."customer_id",
  CAST("t45"."recency_days" AS DOUBLE) AS "recency_days",
  CAST("t45"."tenure_days" AS DOUBLE) AS "tenure_days",
  CAST("t45"."tenure_days" - "t45"."recency_days" AS DOUBLE) AS "purchase_span_days",
  CAST(CASE WHEN "t45"."purchase_days_count" = 1 THEN 1 ELSE 0 END AS DOUBLE) AS "is_one_time_buyer",
  CAST("t45"."orders_count_7d" AS DOUBLE) AS "orders_count_7d",
  CAST("t45"."orders_count_14d" AS DOUBLE) AS "orders_count_14d",
  CAST("t45"."orders_count_30d" AS DOUBLE) AS "orders_count_30d",
  CAST("t45"."orders_count_60d" AS DOUBLE) AS "orders_count_60d",
  CAST("t45"."orders_count_90d" AS DOUBLE) AS "orders_count_90d",
  CAST("t45"."orders_count_180d" AS DOUBLE) AS "orders_count_180d",
  CAST("t45"."orders_count_365d" AS DOUBLE) AS "orders_count_365d",
  CAST("t45"."orders_count" AS DOUBLE) AS "orders_count",
  CAST("t45"."purchase_days_count_7d" AS DOUBLE) AS "purchase_days_count_7d",
  CAST("t45"."purchase_days_count_14d" AS DOUBLE) AS "purchase_days_count_14d",
  CAST("t45"."purchase_days_count_30d" AS DOUBLE) AS "purchase_days_count_30d",
  CAST("t45"."purchase_days_count_60d" AS DOUBLE) AS "purchase_days_count_60d",
  CAST("t45"."purchase_days_count_90d" AS DOUBLE) AS "purchase_days_count_90d",
  CAST("t45"."purchase_days_count_180d" AS DOUBLE) AS "purchase_days_count_180d",
  CAST("t45"."purchase_days_count_365d" AS DOUBLE) AS "purchase_days_count_365d",
  CAST("t45"."purchase_days_count" AS DOUBLE) AS "purchase_days_count",
  CAST("t45"."orders_decayed_15d" AS DOUBLE) / 1099511627776 AS "orders_decayed_count_15d",
  CAST("t45"."orders_decayed_45d" AS DOUBLE) / 1099511627776 AS "orders_decayed_count_45d",
  CAST("t45"."orders_decayed_135d" AS DOUBLE) / 1099511627776 AS "orders_decayed_count_135d",
  CAST("t45"."weeks" AS DOUBLE) / NULLIF(
    CAST(CAST(FLOOR((
      "t45"."tenure_days" + 6
    ) / (
      7
    )) AS BIGINT) AS DOUBLE),
    0.0
  ) AS "purchase_weeks_share",
  CAST("t45"."months" AS DOUBLE) / NULLIF(
    CAST(CAST(FLOOR((
      "t45"."tenure_days" + 29
    ) / (
      30
    )) AS BIGINT) AS DOUBLE),
    0.0
  ) AS "purchase_months_share",
  CAST("t45"."weeks_28d" AS DOUBLE) AS "purchase_weeks_count_28d",
  CAST("t45"."weeks_28d" AS DOUBLE) / NULLIF(
    CAST(LEAST(CAST(FLOOR((
      "t45"."tenure_days" + 6
    ) / (
      7
    )) AS BIGINT), 4) AS DOUBLE),
    0.0
  ) AS "purchase_weeks_share_28d",
  CAST("t45"."weeks_56d" AS DOUBLE) AS "purchase_weeks_count_56d",
  CAST("t45"."weeks_56d" AS DOUBLE) / NULLIF(
    CAST(LEAST(CAST(FLOOR((
      "t45"."tenure_days" + 6
    ) / (
      7
    )) AS BIGINT), 8) AS DOUBLE),
    0.0
  ) AS "purchase_weeks_share_56d",
  CAST("t45"."weeks_91d" AS DOUBLE) AS "purchase_weeks_count_91d",
  CAST("t45"."weeks_91d" AS DOUBLE) / NULLIF(
    CAST(LEAST(CAST(FLOOR((
      "t45"."tenure_days" + 6
    ) / (
      7
    )) AS BIGINT), 13) AS DOUBLE),
    0.0
  ) AS "purchase_weeks_share_91d",
  CAST("t45"."weeks_182d" AS DOUBLE) AS "purchase_weeks_count_182d",
  CAST("t45"."weeks_182d" AS DOUBLE) / NULLIF(
    CAST(LEAST(CAST(FLOOR((
      "t45"."tenure_days" + 6
    ) / (
      7
    )) AS BIGINT), 26) AS DOUBLE),
    0.0
  ) AS "purchase_weeks_share_182d",
  CAST("t45"."weeks_364d" AS DOUBLE) AS "purchase_weeks_count_364d",
  CAST("t45"."weeks_364d" AS DOUBLE) / NULLIF(
    CAST(LEAST(CAST(FLOOR((
      "t45"."tenure_days" + 6
    ) / (
      7
    )) AS BIGINT), 52) AS DOUBLE),
    0.0
  ) AS "purchase_weeks_share_364d",
  CAST("t45"."orders_year_ago_count_30d" AS DOUBLE) AS "orders_year_ago_count_30d",
  CAST("t45"."orders_year_ago_count_90d" AS DOUBLE) AS "orders_year_ago_count_90d",
  CAST("t45"."revenue_cents_7d" AS DOUBLE) AS "revenue_cents_7d",
  CAST("t45"."revenue_cents_14d" AS DOUBLE) AS "revenue_cents_14d",
  CAST("t45"."revenue_cents_30d" AS DOUBLE) AS "revenue_cents_30d",
  CAST("t45"."revenue_cents_60d" AS DOUBLE) AS "revenue_cents_60d",
  CAST("t45"."revenue_cents_90d" AS DOUBLE) AS "revenue_cents_90d",
  CAST("t45"."revenue_cents_180d" AS DOUBLE) AS "revenue_cents_180d",
  CAST("t45"."revenue_cents_365d" AS DOUBLE) AS "revenue_cents_365d",
  CAST("t45"."revenue_cents" AS DOUBLE) AS "revenue_cents",
  CAST("t45"."revenue_decayed" AS DOUBLE) / 268435456 AS "revenue_decayed_cents_45d",
  CAST("t45"."gap_last" AS DOUBLE) AS "gap_last_days",
  CAST("t45"."gap_sum" AS DOUBLE) / NULLIF(CAST("t45"."gap_count" AS DOUBLE), 0.0) AS "gap_mean_days",
  CAST("t45"."gap_middle_sum" AS DOUBLE) / NULLIF(CAST("t45"."gap_middle_count" AS DOUBLE), 0.0) AS "gap_median_days",
  CAST("t45"."gap_recent_sum" AS DOUBLE) / NULLIF(CAST("t45"."gap_recent_count" AS DOUBLE), 0.0) AS "gap_recent3_mean_days",
  CAST("t45"."gap_max" AS DOUBLE) AS "gap_max_days",
  SQRT(
    CAST((
      "t45"."gap_count" * "t45"."gap_square_sum"
    ) - (
      "t45"."gap_sum" * "t45"."gap_sum"
    ) AS DOUBLE) / NULLIF(CAST("t45"."gap_count" * (
      "t45"."gap_count" - 1
    ) AS DOUBLE), 0.0)
  ) AS "gap_std_days",
  SQRT(
    CAST((
      "t45"."gap_count" * "t45"."gap_square_sum"
    ) - (
      "t45"."gap_sum" * "t45"."gap_sum"
    ) AS DOUBLE) / NULLIF(CAST("t45"."gap_count" * (
      "t45"."gap_count" - 1
    ) AS DOUBLE), 0.0)
  ) / NULLIF(
    CAST("t45"."gap_sum" AS DOUBLE) / NULLIF(CAST("t45"."gap_count" AS DOUBLE), 0.0),
    0.0
  ) AS "gap_variation_ratio",
  CAST("t45"."gap_last" AS DOUBLE) / NULLIF(
    CAST("t45"."gap_sum" AS DOUBLE) / NULLIF(CAST("t45"."gap_count" AS DOUBLE), 0.0),
    0.0
  ) AS "gap_last_over_mean_ratio",
  CAST("t45"."recency_days" AS DOUBLE) / NULLIF(
    CAST("t45"."gap_sum" AS DOUBLE) / NULLIF(CAST("t45"."gap_count" AS DOUBLE), 0.0),
    0.0
  ) AS "recency_over_gap_mean_ratio",
  CAST("t45"."recency_days" AS DOUBLE) / NULLIF(
    CAST("t45"."gap_middle_sum" AS DOUBLE) / NULLIF(CAST("t45"."gap_middle_count" AS DOUBLE), 0.0),
    0.0
  ) AS "recency_over_gap_median_ratio",
  CAST("t45"."silent_7" + GREATEST("t45"."recency_days" - 7, 0) AS DOUBLE) / NULLIF(CAST(GREATEST("t45"."tenure_days" - 7, 0) AS DOUBLE), 0.0) AS "silent_7_days_share",
  CAST("t45"."gaps_longer_7" + 1 AS DOUBLE) / NULLIF(CAST("t45"."gaps_longer" + 2 AS DOUBLE), 0.0) AS "gaps_longer_7_days_share",
  CAST("t45"."silent_14" + GREATEST("t45"."recency_days" - 14, 0) AS DOUBLE) / NULLIF(CAST(GREATEST("t45"."tenure_days" - 14, 0) AS DOUBLE), 0.0) AS "silent_14_days_share",
  CAST("t45"."gaps_longer_14" + 1 AS DOUBLE) / NULLIF(CAST("t45"."gaps_longer" + 2 AS DOUBLE), 0.0) AS "gaps_longer_14_days_share",
  CAST("t45"."silent_30" + GREATEST("t45"."recency_days" - 30, 0) AS DOUBLE) / NULLIF(CAST(GREATEST("t45"."tenure_days" - 30, 0) AS DOUBLE), 0.0) AS "silent_30_days_share",
  CAST("t45"."gaps_longer_30" + 1 AS DOUBLE) / NULLIF(CAST("t45"."gaps_longer" + 2 AS DOUBLE), 0.0) AS "gaps_longer_30_days_share",
  CAST("t45"."silent_60" + GREATEST("t45"."recency_days" - 60, 0) AS DOUBLE) / NULLIF(CAST(GREATEST("t45"."tenure_days" - 60, 0) AS DOUBLE), 0.0) AS "silent_60_days_share",
  CAST("t45"."gaps_longer_60" + 1 AS DOUBLE) / NULLIF(CAST("t45"."gaps_longer" + 2 AS DOUBLE), 0.0) AS "gaps_longer_60_days_share",
  CAST("t45"."silent_90" + GREATEST("t45"."recency_days" - 90, 0) AS DOUBLE) / NULLIF(CAST(GREATEST("t45"."tenure_days" - 90, 0) AS DOUBLE), 0.0) AS "silent_90_days_share",
  CAST("t45"."gaps_longer_90" + 1 AS DOUBLE) / NULLIF(CAST("t45"."gaps_longer" + 2 AS DOUBLE), 0.0) AS "gaps_longer_90_days_share",
  CAST("t45"."lines_count" AS DOUBLE) / NULLIF(CAST("t45"."orders_count" AS DOUBLE), 0.0) AS "lines_per_order_mean",
  CAST("t45"."pieces_count" AS DOUBLE) / NULLIF(CAST("t45"."orders_count" AS DOUBLE), 0.0) AS "pieces_per_order_mean",
  CAST("t45"."revenue_cents" AS DOUBLE) / NULLIF(CAST("t45"."orders_count" AS DOUBLE), 0.0) AS "revenue_per_order_mean_cents",
  CAST("t45"."revenue_cents_90d" AS DOUBLE) / NULLIF(CAST("t45"."orders_count_90d" AS DOUBLE), 0.0) AS "revenue_per_order_mean_cents_90d",
  CAST("t45"."revenue_cents" AS DOUBLE) / NULLIF(CAST("t45"."pieces_count" AS DOUBLE), 0.0) AS "revenue_per_piece_mean_cents",
  CAST("t45"."last_revenue_cents" AS DOUBLE) / NULLIF(CAST("t45"."last_orders_count" AS DOUBLE), 0.0) AS "revenue_per_order_last_cents",
  (
    CAST("t45"."last_revenue_cents" AS DOUBLE) / NULLIF(CAST("t45"."last_orders_count" AS DOUBLE), 0.0)
  ) / NULLIF(
    CAST("t45"."revenue_cents" AS DOUBLE) / NULLIF(CAST("t45"."orders_count" AS DOUBLE), 0.0),
    0.0
  ) AS "revenue_last_over_mean_ratio",
  (
    CAST("t45"."last_lines_count" AS DOUBLE) / NULLIF(CAST("t45"."last_orders_count" AS DOUBLE), 0.0)
  ) / NULLIF(
    CAST("t45"."lines_count" AS DOUBLE) / NULLIF(CAST("t45"."orders_count" AS DOUBLE), 0.0),
    0.0
  ) AS "lines_last_over_mean_ratio",
  CAST("t45"."first_revenue_cents" AS DOUBLE) / NULLIF(CAST("t45"."first_orders_count" AS DOUBLE), 0.0) AS "revenue_per_order_first_cents",
  CAST("t45"."first_lines_count" AS DOUBLE) / NULLIF(CAST("t45"."first_orders_count" AS DOUBLE), 0.0) AS "lines_per_order_first",
  CAST(COALESCE("t45"."products_30d", 0) AS DOUBLE) AS "products_count_30d",
  CAST(COALESCE("t45"."products_90d", 0) AS DOUBLE) AS "products_count_90d",
  CAST(COALESCE("t45"."products_365d", 0) AS DOUBLE) AS "products_count_365d",
  CAST(COALESCE("t45"."categories_90d", 0) AS DOUBLE) AS "categories_count_90d",
  CAST(COALESCE("t45"."categories_365d", 0) AS DOUBLE) AS "categories_count_365d",
  CAST(COALESCE("t45"."products_repeated", 0) AS DOUBLE) AS "products_repeated_count_365d",
  CAST("t45"."products_repeated" AS DOUBLE) / NULLIF(CAST("t45"."products_365d" AS DOUBLE), 0.0) AS "products_repeat_share_365d",
  CAST("t45"."lines_top" AS DOUBLE) / NULLIF(CAST("t45"."lines_all" AS DOUBLE), 0.0) AS "products_top_share_365d",
  CAST("t45"."products_new_30d" AS DOUBLE) / NULLIF(CAST("t45"."products_30d" AS DOUBLE), 0.0) AS "products_new_share_30d",
  CAST("t45"."products_new_90d" AS DOUBLE) / NULLIF(CAST("t45"."products_90d" AS DOUBLE), 0.0) AS "products_new_share_90d",
  (
    CAST("t45"."buyers_share_30d" AS DOUBLE) / NULLIF(CAST("t45"."products_30d" AS DOUBLE), 0.0)
  ) / 1073741824 AS "products_buyers_share_30d",
  (
    CAST("t45"."buyers_again_share_30d" AS DOUBLE) / NULLIF(CAST("t45"."products_30d" AS DOUBLE), 0.0)
  ) / 1073741824 AS "products_buyers_again_share_30d",
  (
    CAST("t45"."momentum_30d" AS DOUBLE) / NULLIF(CAST("t45"."products_30d" AS DOUBLE), 0.0)
  ) / 1073741824 AS "products_momentum_30d",
  (
    CAST("t45"."buyers_share_90d" AS DOUBLE) / NULLIF(CAST("t45"."products_90d" AS DOUBLE), 0.0)
  ) / 1073741824 AS "products_buyers_share_90d",
  (
    CAST("t45"."buyers_again_share_90d" AS DOUBLE) / NULLIF(CAST("t45"."products_90d" AS DOUBLE), 0.0)
  ) / 1073741824 AS "products_buyers_again_share_90d",
  (
    CAST("t45"."momentum_90d" AS DOUBLE) / NULLIF(CAST("t45"."products_90d" AS DOUBLE), 0.0)
  ) / 1073741824 AS "products_momentum_90d",
  CAST("t45"."returns_count_90d" AS DOUBLE) AS "returns_count_90d",
  CAST("t45"."returns_count_365d" AS DOUBLE) AS "returns_count_365d",
  CAST("t45"."cancellations_count_90d" AS DOUBLE) AS "cancellations_count_90d",
  CAST("t45"."cancellations_count_365d" AS DOUBLE) AS "cancellations_count_365d",
  CAST("t45"."refund_cents_90d" AS DOUBLE) AS "refund_cents_90d",
  CAST("t45"."refund_cents_365d" AS DOUBLE) AS "refund_cents_365d",
  CAST("t45"."refund_cents_365d" AS DOUBLE) / NULLIF(CAST("t45"."revenue_cents_365d" AS DOUBLE), 0.0) AS "refund_share_365d",
  CAST("t45"."returned_lines_count_365d" AS DOUBLE) / NULLIF(CAST("t45"."lines_count_365d" AS DOUBLE), 0.0) AS "returned_lines_share_365d",
  CAST("t45"."return_recency_days" AS DOUBLE) AS "return_recency_days",
  CAST("t45"."discount_cents_90d" AS DOUBLE) AS "discount_cents_90d",
  CAST("t45"."discount_cents_365d" AS DOUBLE) AS "discount_cents_365d",
  CAST("t45"."discount_cents_90d" AS DOUBLE) / NULLIF(CAST("t45"."discount_cents_90d" + "t45"."revenue_cents_90d" AS DOUBLE), 0.0) AS "discount_share_90d",
  CAST("t45"."discount_cents_365d" AS DOUBLE) / NULLIF(CAST("t45"."discount_cents_365d" + "t45"."revenue_cents_365d" AS DOUBLE), 0.0) AS "discount_share_365d",
  CAST("t45"."discounted_lines_count_365d" AS DOUBLE) / NULLIF(CAST("t45"."lines_count_365d" AS DOUBLE), 0.0) AS "discounted_lines_share_365d",
  CAST(CAST(FLOOR(
    (
      LN(
        CAST("t45"."orders_count_30d" + 1 AS DOUBLE) / NULLIF(CAST("t45"."orders_before_30d" + 1 AS DOUBLE), 0.0)
      ) * 1000000000.0
    ) + 0.5
  ) AS BIGINT) AS DOUBLE) / 1000000000.0 AS "orders_trend_30d",
  CAST("t45"."revenue_cents_30d" - "t45"."revenue_before_30d" AS DOUBLE) / NULLIF(CAST("t45"."revenue_cents_30d" + "t45"."revenue_before_30d" AS DOUBLE), 0.0) AS "revenue_trend_30d",
  CAST(CAST(FLOOR(
    (
      LN(
        CAST("t45"."orders_count_90d" + 1 AS DOUBLE) / NULLIF(CAST("t45"."orders_before_90d" + 1 AS DOUBLE), 0.0)
      ) * 1000000000.0
    ) + 0.5
  ) AS BIGINT) AS DOUBLE) / 1000000000.0 AS "orders_trend_90d",
  CAST("t45"."revenue_cents_90d" - "t45"."revenue_before_90d" AS DOUBLE) / NULLIF(CAST("t45"."revenue_cents_90d" + "t45"."revenue_before_90d" AS DOUBLE), 0.0) AS "revenue_trend_90d",
  CAST("t45"."orders_monday_365d" AS DOUBLE) / NULLIF(CAST("t45"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_monday_share_365d",
  CAST("t45"."orders_tuesday_365d" AS DOUBLE) / NULLIF(CAST("t45"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_tuesday_share_365d",
  CAST("t45"."orders_wednesday_365d" AS DOUBLE) / NULLIF(CAST("t45"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_wednesday_share_365d",
  CAST("t45"."orders_thursday_365d" AS DOUBLE) / NULLIF(CAST("t45"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_thursday_share_365d",
  CAST("t45"."orders_friday_365d" AS DOUBLE) / NULLIF(CAST("t45"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_friday_share_365d",
  CAST("t45"."orders_saturday_365d" AS DOUBLE) / NULLIF(CAST("t45"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_saturday_share_365d",
  CAST("t45"."orders_sunday_365d" AS DOUBLE) / NULLIF(CAST("t45"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_sunday_share_365d",
  CAST("t45"."orders_saturday_365d" + "t45"."orders_sunday_365d" AS DOUBLE) / NULLIF(CAST("t45"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_weekend_share_365d",
  CAST("t45"."orders_night_365d" AS DOUBLE) / NULLIF(CAST("t45"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_night_share_365d",
  CAST("t45"."orders_morning_365d" AS DOUBLE) / NULLIF(CAST("t45"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_morning_share_365d",
  CAST("t45"."orders_afternoon_365d" AS DOUBLE) / NULLIF(CAST("t45"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_afternoon_share_365d",
  CAST("t45"."orders_evening_365d" AS DOUBLE) / NULLIF(CAST("t45"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_evening_share_365d",
  CAST("t45"."sessions_count_7d" AS DOUBLE) AS "sessions_count_7d",
  CAST("t45"."sessions_count_30d" AS DOUBLE) AS "sessions_count_30d",
  CAST("t45"."sessions_count_90d" AS DOUBLE) AS "sessions_count_90d",
  CAST("t45"."events_count_7d" AS DOUBLE) AS "events_count_7d",
  CAST("t45"."events_count_30d" AS DOUBLE) AS "events_count_30d",
  CAST("t45"."events_count_90d" AS DOUBLE) AS "events_count_90d",
  CAST("t45"."views_count_7d" AS DOUBLE) AS "views_count_7d",
  CAST("t45"."views_count_30d" AS DOUBLE) AS "views_count_30d",
  CAST("t45"."views_count_90d" AS DOUBLE) AS "views_count_90d",
  CAST("t45"."carts_count_7d" AS DOUBLE) AS "carts_count_7d",
  CAST("t45"."carts_count_30d" AS DOUBLE) AS "carts_count_30d",
  CAST("t45"."carts_count_90d" AS DOUBLE) AS "carts_count_90d",
  CAST("t45"."wishlists_count_30d" AS DOUBLE) AS "wishlists_count_30d",
  CAST("t45"."wishlists_count_90d" AS DOUBLE) AS "wishlists_count_90d",
  CAST("t45"."searches_count_30d" AS DOUBLE) AS "searches_count_30d",
  CAST("t45"."searches_count_90d" AS DOUBLE) AS "searches_count_90d",
  CAST("t45"."logins_count_30d" AS DOUBLE) AS "logins_count_30d",
  CAST("t45"."logins_count_90d" AS DOUBLE) AS "logins_count_90d",
  CAST("t45"."cart_removals_count_90d" AS DOUBLE) AS "cart_removals_count_90d",
  CAST("t45"."checkouts_count_90d" AS DOUBLE) AS "checkouts_count_90d",
  CAST("t45"."shares_count_90d" AS DOUBLE) AS "shares_count_90d",
  CAST("t45"."reviews_count_90d" AS DOUBLE) AS "reviews_count_90d",
  CAST("t45"."event_recency_days" AS DOUBLE) AS "event_recency_days",
  CAST("t45"."cart_recency_days" AS DOUBLE) AS "cart_recency_days",
  CAST(CAST(FLOOR(
    (
      LN(
        CAST("t45"."sessions_count_30d" + 1 AS DOUBLE) / NULLIF(CAST("t45"."sessions_before_30d" + 1 AS DOUBLE), 0.0)
      ) * 1000000000.0
    ) + 0.5
  ) AS BIGINT) AS DOUBLE) / 1000000000.0 AS "sessions_trend_30d",
  CAST("t45"."contacts_count_30d" AS DOUBLE) AS "contacts_count_30d",
  CAST("t45"."contacts_count_90d" AS DOUBLE) AS "contacts_count_90d",
  CAST("t45"."contacts_count_365d" AS DOUBLE) AS "contacts_count_365d",
  CAST("t45"."redemptions_count_30d" AS DOUBLE) AS "redemptions_count_30d",
  CAST("t45"."redemptions_count_90d" AS DOUBLE) AS "redemptions_count_90d",
  CAST("t45"."redemptions_count_365d" AS DOUBLE) AS "redemptions_count_365d",
  CAST("t45"."contacts_opened_count_90d" AS DOUBLE) AS "contacts_opened_count_90d",
  CAST("t45"."contacts_clicked_count_90d" AS DOUBLE) AS "contacts_clicked_count_90d",
  CAST("t45"."redemptions_count_365d" AS DOUBLE) / NULLIF(CAST("t45"."contacts_count_365d" AS DOUBLE), 0.0) AS "redemption_share_365d",
  CAST("t45"."contact_recency_days" AS DOUBLE) AS "contact_recency_days",
  CAST("t45"."redemption_recency_days" AS DOUBLE) AS "redemption_recency_days",
  CAST("t45"."feedback_count_365d" AS DOUBLE) AS "feedback_count_365d",
  CAST("t45"."complaints_count_365d" AS DOUBLE) AS "complaints_count_365d",
  CAST("t45"."rating_permille_365d" AS DOUBLE) / NULLIF(CAST("t45"."ratings_count_365d" * 1000 AS DOUBLE), 0.0) AS "rating_mean_share_365d",
  CAST(CAST(FLOOR(
    (
      SIN(
        (
          CAST((
            "t45"."as_of_day" * 10000
          ) % 3652425 AS DOUBLE) / NULLIF(3652425.0, 0.0)
        ) * 6.283185307179586
      ) * 1000000000.0
    ) + 0.5
  ) AS BIGINT) AS DOUBLE) / 1000000000.0 AS "season_sin",
  CAST(CAST(FLOOR(
    (
      COS(
        (
          CAST((
            "t45"."as_of_day" * 10000
          ) % 3652425 AS DOUBLE) / NULLIF(3652425.0, 0.0)
        ) * 6.283185307179586
      ) * 1000000000.0
    ) + 0.5
  ) AS BIGINT) AS DOUBLE) / 1000000000.0 AS "season_cos"
FROM (
  SELECT
    "t39"."as_of_day",
    "t39"."customer_id",
    "t39"."recency_days",
    "t39"."tenure_days",
    "t39"."orders_count",
    "t39"."revenue_cents",
    "t39"."purchase_days_count",
    "t39"."revenue_decayed",
    "t39"."orders_count_7d",
    "t39"."revenue_cents_7d",
    "t39"."purchase_days_count_7d",
    "t39"."orders_count_14d",
    "t39"."revenue_cents_14d",
    "t39"."purchase_days_count_14d",
    "t39"."orders_count_30d",
    "t39"."revenue_cents_30d",
    "t39"."purchase_days_count_30d",
    "t39"."orders_count_60d",
    "t39"."revenue_cents_60d",
    "t39"."purchase_days_count_60d",
    "t39"."orders_count_90d",
    "t39"."revenue_cents_90d",
    "t39"."purchase_days_count_90d",
    "t39"."orders_count_180d",
    "t39"."revenue_cents_180d",
    "t39"."purchase_days_count_180d",
    "t39"."orders_count_365d",
    "t39"."revenue_cents_365d",
    "t39"."purchase_days_count_365d",
    "t39"."orders_before_30d",
    "t39"."revenue_before_30d",
    "t39"."orders_before_90d",
    "t39"."revenue_before_90d",
    "t39"."orders_decayed_15d",
    "t39"."orders_decayed_45d",
    "t39"."orders_decayed_135d",
    "t39"."gap_count",
    "t39"."gap_sum",
    "t39"."gap_square_sum",
    "t39"."gap_max",
    "t39"."gap_last",
    "t39"."gap_recent_sum",
    "t39"."gap_recent_count",
    "t39"."gap_middle_sum",
    "t39"."gap_middle_count",
    "t39"."first_orders_count",
    "t39"."first_lines_count",
    "t39"."first_revenue_cents",
    "t39"."last_orders_count",
    "t39"."last_lines_count",
    "t39"."last_revenue_cents",
    "t39"."gaps_longer",
    "t39"."weeks",
    "t39"."months",
    "t39"."silent_7",
    "t39"."gaps_longer_7",
    "t39"."silent_14",
    "t39"."gaps_longer_14",
    "t39"."silent_30",
    "t39"."gaps_longer_30",
    "t39"."silent_60",
    "t39"."gaps_longer_60",
    "t39"."silent_90",
    "t39"."gaps_longer_90",
    "t39"."weeks_28d",
    "t39"."weeks_56d",
    "t39"."weeks_91d",
    "t39"."weeks_182d",
    "t39"."weeks_364d",
    "t39"."orders_year_ago_count_30d",
    "t39"."orders_year_ago_count_90d",
    "t39"."lines_count",
    "t39"."pieces_count",
    "t39"."returns_count_90d",
    "t39"."returns_count_365d",
    "t39"."cancellations_count_90d",
    "t39"."cancellations_count_365d",
    "t39"."refund_cents_90d",
    "t39"."refund_cents_365d",
    "t39"."discount_cents_90d",
    "t39"."discount_cents_365d",
    "t39"."lines_count_365d",
    "t39"."returned_lines_count_365d",
    "t39"."discounted_lines_count_365d",
    "t39"."return_recency_days",
    "t39"."orders_monday_365d",
    "t39"."orders_tuesday_365d",
    "t39"."orders_wednesday_365d",
    "t39"."orders_thursday_365d",
    "t39"."orders_friday_365d",
    "t39"."orders_saturday_365d",
    "t39"."orders_sunday_365d",
    "t39"."orders_night_365d",
    "t39"."orders_morning_365d",
    "t39"."orders_afternoon_365d",
    "t39"."orders_evening_365d",
    "t39"."sessions_count_7d",
    "t39"."sessions_count_30d",
    "t39"."sessions_count_90d",
    "t39"."events_count_7d",
    "t39"."events_count_30d",
    "t39"."events_count_90d",
    "t39"."views_count_7d",
    "t39"."views_count_30d",
    "t39"."views_count_90d",
    "t39"."carts_count_7d",
    "t39"."carts_count_30d",
    "t39"."carts_count_90d",
    "t39"."wishlists_count_30d",
    "t39"."wishlists_count_90d",
    "t39"."searches_count_30d",
    "t39"."searches_count_90d",
    "t39"."logins_count_30d",
    "t39"."logins_count_90d",
    "t39"."cart_removals_count_90d",
    "t39"."checkouts_count_90d",
    "t39"."shares_count_90d",
    "t39"."reviews_count_90d",
    "t39"."contacts_count_30d",
    "t39"."contacts_count_90d",
    "t39"."contacts_count_365d",
    "t39"."redemptions_count_30d",
    "t39"."redemptions_count_90d",
    "t39"."redemptions_count_365d",
    "t39"."contacts_opened_count_90d",
    "t39"."contacts_clicked_count_90d",
    "t39"."feedback_count_365d",
    "t39"."complaints_count_365d",
    "t39"."event_recency_days",
    "t39"."cart_recency_days",
    "t39"."contact_recency_days",
    "t39"."redemption_recency_days",
    "t39"."sessions_before_30d",
    "t39"."ratings_count_365d",
    "t39"."rating_permille_365d",
    "t44"."products_365d",
    "t44"."products_repeated",
    "t44"."lines_top",
    "t44"."lines_all",
    "t44"."categories_365d",
    "t44"."categories_90d",
    "t44"."products_30d",
    "t44"."products_new_30d",
    "t44"."buyers_share_30d",
    "t44"."buyers_again_share_30d",
    "t44"."momentum_30d",
    "t44"."products_90d",
    "t44"."products_new_90d",
    "t44"."buyers_share_90d",
    "t44"."buyers_again_share_90d",
    "t44"."momentum_90d"
  FROM (
    SELECT
      "t36"."as_of_day",
      "t36"."customer_id",
      MIN(
        CASE
          WHEN "t36"."orders_count" > 0
          THEN "t36"."age_days"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "recency_days",
      MAX(
        CASE
          WHEN "t36"."orders_count" > 0
          THEN "t36"."age_days"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "tenure_days",
      SUM("t36"."orders_count") AS "orders_count",
      SUM("t36"."revenue_cents") AS "revenue_cents",
      SUM(CASE WHEN "t36"."orders_count" > 0 THEN 1 ELSE 0 END) AS "purchase_days_count",
      SUM(
        "t36"."revenue_cents" * CAST(FLOOR(
          (
            EXP(CAST("t36"."age_days" AS DOUBLE) * -0.015403270679109895) * 268435456
          ) + 0.5
        ) AS BIGINT)
      ) AS "revenue_decayed",
      SUM(CASE WHEN "t36"."age_days" <= 7 THEN "t36"."orders_count" ELSE 0 END) AS "orders_count_7d",
      SUM(CASE WHEN "t36"."age_days" <= 7 THEN "t36"."revenue_cents" ELSE 0 END) AS "revenue_cents_7d",
      SUM(
        CASE
          WHEN (
            "t36"."orders_count" > 0
          ) AND (
            "t36"."age_days" <= 7
          )
          THEN 1
          ELSE 0
        END
      ) AS "purchase_days_count_7d",
      SUM(CASE WHEN "t36"."age_days" <= 14 THEN "t36"."orders_count" ELSE 0 END) AS "orders_count_14d",
      SUM(CASE WHEN "t36"."age_days" <= 14 THEN "t36"."revenue_cents" ELSE 0 END) AS "revenue_cents_14d",
      SUM(
        CASE
          WHEN (
            "t36"."orders_count" > 0
          ) AND (
            "t36"."age_days" <= 14
          )
          THEN 1
          ELSE 0
        END
      ) AS "purchase_days_count_14d",
      SUM(CASE WHEN "t36"."age_days" <= 30 THEN "t36"."orders_count" ELSE 0 END) AS "orders_count_30d",
      SUM(CASE WHEN "t36"."age_days" <= 30 THEN "t36"."revenue_cents" ELSE 0 END) AS "revenue_cents_30d",
      SUM(
        CASE
          WHEN (
            "t36"."orders_count" > 0
          ) AND (
            "t36"."age_days" <= 30
          )
          THEN 1
          ELSE 0
        END
      ) AS "purchase_days_count_30d",
      SUM(CASE WHEN "t36"."age_days" <= 60 THEN "t36"."orders_count" ELSE 0 END) AS "orders_count_60d",
      SUM(CASE WHEN "t36"."age_days" <= 60 THEN "t36"."revenue_cents" ELSE 0 END) AS "revenue_cents_60d",
      SUM(
        CASE
          WHEN (
            "t36"."orders_count" > 0
          ) AND (
            "t36"."age_days" <= 60
          )
          THEN 1
          ELSE 0
        END
      ) AS "purchase_days_count_60d",
      SUM(CASE WHEN "t36"."age_days" <= 90 THEN "t36"."orders_count" ELSE 0 END) AS "orders_count_90d",
      SUM(CASE WHEN "t36"."age_days" <= 90 THEN "t36"."revenue_cents" ELSE 0 END) AS "revenue_cents_90d",
      SUM(
        CASE
          WHEN (
            "t36"."orders_count" > 0
          ) AND (
            "t36"."age_days" <= 90
          )
          THEN 1
          ELSE 0
        END
      ) AS "purchase_days_count_90d",
      SUM(CASE WHEN "t36"."age_days" <= 180 THEN "t36"."orders_count" ELSE 0 END) AS "orders_count_180d",
      SUM(CASE WHEN "t36"."age_days" <= 180 THEN "t36"."revenue_cents" ELSE 0 END) AS "revenue_cents_180d",
      SUM(
        CASE
          WHEN (
            "t36"."orders_count" > 0
          ) AND (
            "t36"."age_days" <= 180
          )
          THEN 1
          ELSE 0
        END
      ) AS "purchase_days_count_180d",
      SUM(CASE WHEN "t36"."age_days" <= 365 THEN "t36"."orders_count" ELSE 0 END) AS "orders_count_365d",
      SUM(CASE WHEN "t36"."age_days" <= 365 THEN "t36"."revenue_cents" ELSE 0 END) AS "revenue_cents_365d",
      SUM(
        CASE
          WHEN (
            "t36"."orders_count" > 0
          ) AND (
            "t36"."age_days" <= 365
          )
          THEN 1
          ELSE 0
        END
      ) AS "purchase_days_count_365d",
      SUM(
        CASE
          WHEN (
            "t36"."age_days" <= 60
          ) AND (
            "t36"."age_days" > 30
          )
          THEN "t36"."orders_count"
          ELSE 0
        END
      ) AS "orders_before_30d",
      SUM(
        CASE
          WHEN (
            "t36"."age_days" <= 60
          ) AND (
            "t36"."age_days" > 30
          )
          THEN "t36"."revenue_cents"
          ELSE 0
        END
      ) AS "revenue_before_30d",
      SUM(
        CASE
          WHEN (
            "t36"."age_days" <= 180
          ) AND (
            "t36"."age_days" > 90
          )
          THEN "t36"."orders_count"
          ELSE 0
        END
      ) AS "orders_before_90d",
      SUM(
        CASE
          WHEN (
            "t36"."age_days" <= 180
          ) AND (
            "t36"."age_days" > 90
          )
          THEN "t36"."revenue_cents"
          ELSE 0
        END
      ) AS "revenue_before_90d",
      SUM(
        "t36"."orders_count" * CAST(FLOOR(
          (
            EXP(CAST("t36"."age_days" AS DOUBLE) * -0.046209812037329684) * 1099511627776
          ) + 0.5
        ) AS BIGINT)
      ) AS "orders_decayed_15d",
      SUM(
        "t36"."orders_count" * CAST(FLOOR(
          (
            EXP(CAST("t36"."age_days" AS DOUBLE) * -0.015403270679109895) * 1099511627776
          ) + 0.5
        ) AS BIGINT)
      ) AS "orders_decayed_45d",
      SUM(
        "t36"."orders_count" * CAST(FLOOR(
          (
            EXP(CAST("t36"."age_days" AS DOUBLE) * -0.005134423559703298) * 1099511627776
          ) + 0.5
        ) AS BIGINT)
      ) AS "orders_decayed_135d",
      SUM(CASE WHEN "t36"."is_bought" AND (
        "t36"."gap" IS NOT NULL
      ) THEN 1 ELSE 0 END) AS "gap_count",
      SUM(
        CASE
          WHEN "t36"."is_bought" AND (
            "t36"."gap" IS NOT NULL
          )
          THEN "t36"."gap"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "gap_sum",
      SUM(
        CASE
          WHEN "t36"."is_bought" AND (
            "t36"."gap" IS NOT NULL
          )
          THEN "t36"."gap" * "t36"."gap"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "gap_square_sum",
      MAX(
        CASE
          WHEN "t36"."is_bought" AND (
            "t36"."gap" IS NOT NULL
          )
          THEN "t36"."gap"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "gap_max",
      MAX(
        CASE
          WHEN "t36"."is_bought"
          AND (
            "t36"."gap" IS NOT NULL
          )
          AND (
            "t36"."is_bought" AND (
              "t36"."newest_rank" = 0
            )
          )
          THEN "t36"."gap"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "gap_last",
      SUM(
        CASE
          WHEN "t36"."is_bought"
          AND (
            "t36"."gap" IS NOT NULL
          )
          AND (
            "t36"."newest_rank" < 3
          )
          THEN "t36"."gap"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "gap_recent_sum",
      SUM(
        CASE
          WHEN "t36"."is_bought"
          AND (
            "t36"."gap" IS NOT NULL
          )
          AND (
            "t36"."newest_rank" < 3
          )
          THEN 1
          ELSE 0
        END
      ) AS "gap_recent_count",
      SUM(
        CASE
          WHEN "t36"."is_bought"
          AND (
            "t36"."gap" IS NOT NULL
          )
          AND (
            (
              "t36"."gap_rank" * 2
            ) >= "t36"."gaps_count"
          )
          AND (
            (
              "t36"."gap_rank" * 2
            ) <= (
              "t36"."gaps_count" + 2
            )
          )
          THEN "t36"."gap"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "gap_middle_sum",
      SUM(
        CASE
          WHEN "t36"."is_bought"
          AND (
            "t36"."gap" IS NOT NULL
          )
          AND (
            (
              "t36"."gap_rank" * 2
            ) >= "t36"."gaps_count"
          )
          AND (
            (
              "t36"."gap_rank" * 2
            ) <= (
              "t36"."gaps_count" + 2
            )
          )
          THEN 1
          ELSE 0
        END
      ) AS "gap_middle_count",
      MAX(
        CASE
          WHEN "t36"."is_bought" AND (
            "t36"."gap" IS NULL
          )
          THEN "t36"."orders_count"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "first_orders_count",
      MAX(
        CASE
          WHEN "t36"."is_bought" AND (
            "t36"."gap" IS NULL
          )
          THEN "t36"."lines_count"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "first_lines_count",
      MAX(
        CASE
          WHEN "t36"."is_bought" AND (
            "t36"."gap" IS NULL
          )
          THEN "t36"."revenue_cents"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "first_revenue_cents",
      MAX(
        CASE
          WHEN "t36"."is_bought" AND (
            "t36"."newest_rank" = 0
          )
          THEN "t36"."orders_count"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "last_orders_count",
      MAX(
        CASE
          WHEN "t36"."is_bought" AND (
            "t36"."newest_rank" = 0
          )
          THEN "t36"."lines_count"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "last_lines_count",
      MAX(
        CASE
          WHEN "t36"."is_bought" AND (
            "t36"."newest_rank" = 0
          )
          THEN "t36"."revenue_cents"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "last_revenue_cents",
      SUM(
        CASE
          WHEN "t36"."is_bought"
          AND (
            "t36"."gap" IS NOT NULL
          )
          AND (
            "t36"."gap" > "t36"."recency"
          )
          THEN 1
          ELSE 0
        END
      ) AS "gaps_longer",
      SUM(
        CASE
          WHEN "t36"."is_bought"
          AND (
            (
              "t36"."gap" IS NULL
            )
            OR (
              CAST(FLOOR((
                (
                  "t36"."age_days" + "t36"."gap"
                ) - 1
              ) / (
                7
              )) AS BIGINT) > CAST(FLOOR((
                "t36"."age_days" - 1
              ) / (
                7
              )) AS BIGINT)
            )
          )
          THEN 1
          ELSE 0
        END
      ) AS "weeks",
      SUM(
        CASE
          WHEN "t36"."is_bought"
          AND (
            (
              "t36"."gap" IS NULL
            )
            OR (
              CAST(FLOOR((
                (
                  "t36"."age_days" + "t36"."gap"
                ) - 1
              ) / (
                30
              )) AS BIGINT) > CAST(FLOOR((
                "t36"."age_days" - 1
              ) / (
                30
              )) AS BIGINT)
            )
          )
          THEN 1
          ELSE 0
        END
      ) AS "months",
      SUM(
        CASE
          WHEN "t36"."is_bought" AND (
            "t36"."gap" IS NOT NULL
          ) AND (
            "t36"."gap" > 7
          )
          THEN "t36"."gap" - 7
          ELSE 0
        END
      ) AS "silent_7",
      SUM(
        CASE
          WHEN "t36"."is_bought"
          AND (
            "t36"."gap" IS NOT NULL
          )
          AND (
            "t36"."gap" > (
              "t36"."recency" + 7
            )
          )
          THEN 1
          ELSE 0
        END
      ) AS "gaps_longer_7",
      SUM(
        CASE
          WHEN "t36"."is_bought" AND (
            "t36"."gap" IS NOT NULL
          ) AND (
            "t36"."gap" > 14
          )
          THEN "t36"."gap" - 14
          ELSE 0
        END
      ) AS "silent_14",
      SUM(
        CASE
          WHEN "t36"."is_bought"
          AND (
            "t36"."gap" IS NOT NULL
          )
          AND (
            "t36"."gap" > (
              "t36"."recency" + 14
            )
          )
          THEN 1
          ELSE 0
        END
      ) AS "gaps_longer_14",
      SUM(
        CASE
          WHEN "t36"."is_bought" AND (
            "t36"."gap" IS NOT NULL
          ) AND (
            "t36"."gap" > 30
          )
          THEN "t36"."gap" - 30
          ELSE 0
        END
      ) AS "silent_30",
      SUM(
        CASE
          WHEN "t36"."is_bought"
          AND (
            "t36"."gap" IS NOT NULL
          )
          AND (
            "t36"."gap" > (
              "t36"."recency" + 30
            )
          )
          THEN 1
          ELSE 0
        END
      ) AS "gaps_longer_30",
      SUM(
        CASE
          WHEN "t36"."is_bought" AND (
            "t36"."gap" IS NOT NULL
          ) AND (
            "t36"."gap" > 60
          )
          THEN "t36"."gap" - 60
          ELSE 0
        END
      ) AS "silent_60",
      SUM(
        CASE
          WHEN "t36"."is_bought"
          AND (
            "t36"."gap" IS NOT NULL
          )
          AND (
            "t36"."gap" > (
              "t36"."recency" + 60
            )
          )
          THEN 1
          ELSE 0
        END
      ) AS "gaps_longer_60",
      SUM(
        CASE
          WHEN "t36"."is_bought" AND (
            "t36"."gap" IS NOT NULL
          ) AND (
            "t36"."gap" > 90
          )
          THEN "t36"."gap" - 90
          ELSE 0
        END
      ) AS "silent_90",
      SUM(
        CASE
          WHEN "t36"."is_bought"
          AND (
            "t36"."gap" IS NOT NULL
          )
          AND (
            "t36"."gap" > (
              "t36"."recency" + 90
            )
          )
          THEN 1
          ELSE 0
        END
      ) AS "gaps_longer_90",
      SUM(
        CASE
          WHEN "t36"."is_bought"
          AND (
            (
              "t36"."gap" IS NULL
            )
            OR (
              CAST(FLOOR((
                (
                  "t36"."age_days" + "t36"."gap"
                ) - 1
              ) / (
                7
              )) AS BIGINT) > CAST(FLOOR((
                "t36"."age_days" - 1
              ) / (
                7
              )) AS BIGINT)
            )
          )
          AND (
            "t36"."age_days" <= 28
          )
          THEN 1
          ELSE 0
        END
      ) AS "weeks_28d",
      SUM(
        CASE
          WHEN "t36"."is_bought"
          AND (
            (
              "t36"."gap" IS NULL
            )
            OR (
              CAST(FLOOR((
                (
                  "t36"."age_days" + "t36"."gap"
                ) - 1
              ) / (
                7
              )) AS BIGINT) > CAST(FLOOR((
                "t36"."age_days" - 1
              ) / (
                7
              )) AS BIGINT)
            )
          )
          AND (
            "t36"."age_days" <= 56
          )
          THEN 1
          ELSE 0
        END
      ) AS "weeks_56d",
      SUM(
        CASE
          WHEN "t36"."is_bought"
          AND (
            (
              "t36"."gap" IS NULL
            )
            OR (
              CAST(FLOOR((
                (
                  "t36"."age_days" + "t36"."gap"
                ) - 1
              ) / (
                7
              )) AS BIGINT) > CAST(FLOOR((
                "t36"."age_days" - 1
              ) / (
                7
              )) AS BIGINT)
            )
          )
          AND (
            "t36"."age_days" <= 91
          )
          THEN 1
          ELSE 0
        END
      ) AS "weeks_91d",
      SUM(
        CASE
          WHEN "t36"."is_bought"
          AND (
            (
              "t36"."gap" IS NULL
            )
            OR (
              CAST(FLOOR((
                (
                  "t36"."age_days" + "t36"."gap"
                ) - 1
              ) / (
                7
              )) AS BIGINT) > CAST(FLOOR((
                "t36"."age_days" - 1
              ) / (
                7
              )) AS BIGINT)
            )
          )
          AND (
            "t36"."age_days" <= 182
          )
          THEN 1
          ELSE 0
        END
      ) AS "weeks_182d",
      SUM(
        CASE
          WHEN "t36"."is_bought"
          AND (
            (
              "t36"."gap" IS NULL
            )
            OR (
              CAST(FLOOR((
                (
                  "t36"."age_days" + "t36"."gap"
                ) - 1
              ) / (
                7
              )) AS BIGINT) > CAST(FLOOR((
                "t36"."age_days" - 1
              ) / (
                7
              )) AS BIGINT)
            )
          )
          AND (
            "t36"."age_days" <= 364
          )
          THEN 1
          ELSE 0
        END
      ) AS "weeks_364d",
      SUM(
        CASE
          WHEN (
            "t36"."age_days" <= 364
          ) AND (
            "t36"."age_days" > 334
          )
          THEN "t36"."orders_count"
          ELSE 0
        END
      ) AS "orders_year_ago_count_30d",
      SUM(
        CASE
          WHEN (
            "t36"."age_days" <= 364
          ) AND (
            "t36"."age_days" > 274
          )
          THEN "t36"."orders_count"
          ELSE 0
        END
      ) AS "orders_year_ago_count_90d",
      SUM("t36"."lines_count") AS "lines_count",
      SUM("t36"."pieces_count") AS "pieces_count",
      SUM(CASE WHEN "t36"."age_days" <= 90 THEN "t36"."returns_count" ELSE 0 END) AS "returns_count_90d",
      SUM(CASE WHEN "t36"."age_days" <= 365 THEN "t36"."returns_count" ELSE 0 END) AS "returns_count_365d",
      SUM(CASE WHEN "t36"."age_days" <= 90 THEN "t36"."cancellations_count" ELSE 0 END) AS "cancellations_count_90d",
      SUM(CASE WHEN "t36"."age_days" <= 365 THEN "t36"."cancellations_count" ELSE 0 END) AS "cancellations_count_365d",
      SUM(CASE WHEN "t36"."age_days" <= 90 THEN "t36"."refund_cents" ELSE 0 END) AS "refund_cents_90d",
      SUM(CASE WHEN "t36"."age_days" <= 365 THEN "t36"."refund_cents" ELSE 0 END) AS "refund_cents_365d",
      SUM(CASE WHEN "t36"."age_days" <= 90 THEN "t36"."discount_cents" ELSE 0 END) AS "discount_cents_90d",
      SUM(CASE WHEN "t36"."age_days" <= 365 THEN "t36"."discount_cents" ELSE 0 END) AS "discount_cents_365d",
      SUM(CASE WHEN "t36"."age_days" <= 365 THEN "t36"."lines_count" ELSE 0 END) AS "lines_count_365d",
      SUM(CASE WHEN "t36"."age_days" <= 365 THEN "t36"."returned_lines_count" ELSE 0 END) AS "returned_lines_count_365d",
      SUM(CASE WHEN "t36"."age_days" <= 365 THEN "t36"."discounted_lines_count" ELSE 0 END) AS "discounted_lines_count_365d",
      MIN(
        CASE
          WHEN (
            "t36"."returns_count" > 0
          ) OR (
            "t36"."cancellations_count" > 0
          )
          THEN "t36"."age_days"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "return_recency_days",
      SUM(
        CASE
          WHEN (
            "t36"."age_days" <= 365
          )
          AND (
            (
              (
                "t36"."event_day" + 3
              ) % 7
            ) = 0
          )
          THEN "t36"."orders_count"
          ELSE 0
        END
      ) AS "orders_monday_365d",
      SUM(
        CASE
          WHEN (
            "t36"."age_days" <= 365
          )
          AND (
            (
              (
                "t36"."event_day" + 3
              ) % 7
            ) = 1
          )
          THEN "t36"."orders_count"
          ELSE 0
        END
      ) AS "orders_tuesday_365d",
      SUM(
        CASE
          WHEN (
            "t36"."age_days" <= 365
          )
          AND (
            (
              (
                "t36"."event_day" + 3
              ) % 7
            ) = 2
          )
          THEN "t36"."orders_count"
          ELSE 0
        END
      ) AS "orders_wednesday_365d",
      SUM(
        CASE
          WHEN (
            "t36"."age_days" <= 365
          )
          AND (
            (
              (
                "t36"."event_day" + 3
              ) % 7
            ) = 3
          )
          THEN "t36"."orders_count"
          ELSE 0
        END
      ) AS "orders_thursday_365d",
      SUM(
        CASE
          WHEN (
            "t36"."age_days" <= 365
          )
          AND (
            (
              (
                "t36"."event_day" + 3
              ) % 7
            ) = 4
          )
          THEN "t36"."orders_count"
          ELSE 0
        END
      ) AS "orders_friday_365d",
      SUM(
        CASE
          WHEN (
            "t36"."age_days" <= 365
          )
          AND (
            (
              (
                "t36"."event_day" + 3
              ) % 7
            ) = 5
          )
          THEN "t36"."orders_count"
          ELSE 0
        END
      ) AS "orders_saturday_365d",
      SUM(
        CASE
          WHEN (
            "t36"."age_days" <= 365
          )
          AND (
            (
              (
                "t36"."event_day" + 3
              ) % 7
            ) = 6
          )
          THEN "t36"."orders_count"
          ELSE 0
        END
      ) AS "orders_sunday_365d",
      SUM(CASE WHEN "t36"."age_days" <= 365 THEN "t36"."orders_night_count" ELSE 0 END) AS "orders_night_365d",
      SUM(CASE WHEN "t36"."age_days" <= 365 THEN "t36"."orders_morning_count" ELSE 0 END) AS "orders_morning_365d",
      SUM(CASE WHEN "t36"."age_days" <= 365 THEN "t36"."orders_afternoon_count" ELSE 0 END) AS "orders_afternoon_365d",
      SUM(CASE WHEN "t36"."age_days" <= 365 THEN "t36"."orders_evening_count" ELSE 0 END) AS "orders_evening_365d",
      SUM(CASE WHEN "t36"."age_days" <= 7 THEN "t36"."sessions_count" ELSE 0 END) AS "sessions_count_7d",
      SUM(CASE WHEN "t36"."age_days" <= 30 THEN "t36"."sessions_count" ELSE 0 END) AS "sessions_count_30d",
      SUM(CASE WHEN "t36"."age_days" <= 90 THEN "t36"."sessions_count" ELSE 0 END) AS "sessions_count_90d",
      SUM(CASE WHEN "t36"."age_days" <= 7 THEN "t36"."events_count" ELSE 0 END) AS "events_count_7d",
      SUM(CASE WHEN "t36"."age_days" <= 30 THEN "t36"."events_count" ELSE 0 END) AS "events_count_30d",
      SUM(CASE WHEN "t36"."age_days" <= 90 THEN "t36"."events_count" ELSE 0 END) AS "events_count_90d",
      SUM(CASE WHEN "t36"."age_days" <= 7 THEN "t36"."views_count" ELSE 0 END) AS "views_count_7d",
      SUM(CASE WHEN "t36"."age_days" <= 30 THEN "t36"."views_count" ELSE 0 END) AS "views_count_30d",
      SUM(CASE WHEN "t36"."age_days" <= 90 THEN "t36"."views_count" ELSE 0 END) AS "views_count_90d",
      SUM(CASE WHEN "t36"."age_days" <= 7 THEN "t36"."carts_count" ELSE 0 END) AS "carts_count_7d",
      SUM(CASE WHEN "t36"."age_days" <= 30 THEN "t36"."carts_count" ELSE 0 END) AS "carts_count_30d",
      SUM(CASE WHEN "t36"."age_days" <= 90 THEN "t36"."carts_count" ELSE 0 END) AS "carts_count_90d",
      SUM(CASE WHEN "t36"."age_days" <= 30 THEN "t36"."wishlists_count" ELSE 0 END) AS "wishlists_count_30d",
      SUM(CASE WHEN "t36"."age_days" <= 90 THEN "t36"."wishlists_count" ELSE 0 END) AS "wishlists_count_90d",
      SUM(CASE WHEN "t36"."age_days" <= 30 THEN "t36"."searches_count" ELSE 0 END) AS "searches_count_30d",
      SUM(CASE WHEN "t36"."age_days" <= 90 THEN "t36"."searches_count" ELSE 0 END) AS "searches_count_90d",
      SUM(CASE WHEN "t36"."age_days" <= 30 THEN "t36"."logins_count" ELSE 0 END) AS "logins_count_30d",
      SUM(CASE WHEN "t36"."age_days" <= 90 THEN "t36"."logins_count" ELSE 0 END) AS "logins_count_90d",
      SUM(CASE WHEN "t36"."age_days" <= 90 THEN "t36"."cart_removals_count" ELSE 0 END) AS "cart_removals_count_90d",
      SUM(CASE WHEN "t36"."age_days" <= 90 THEN "t36"."checkouts_count" ELSE 0 END) AS "checkouts_count_90d",
      SUM(CASE WHEN "t36"."age_days" <= 90 THEN "t36"."shares_count" ELSE 0 END) AS "shares_count_90d",
      SUM(CASE WHEN "t36"."age_days" <= 90 THEN "t36"."reviews_count" ELSE 0 END) AS "reviews_count_90d",
      SUM(CASE WHEN "t36"."age_days" <= 30 THEN "t36"."contacts_count" ELSE 0 END) AS "contacts_count_30d",
      SUM(CASE WHEN "t36"."age_days" <= 90 THEN "t36"."contacts_count" ELSE 0 END) AS "contacts_count_90d",
      SUM(CASE WHEN "t36"."age_days" <= 365 THEN "t36"."contacts_count" ELSE 0 END) AS "contacts_count_365d",
      SUM(CASE WHEN "t36"."age_days" <= 30 THEN "t36"."redemptions_count" ELSE 0 END) AS "redemptions_count_30d",
      SUM(CASE WHEN "t36"."age_days" <= 90 THEN "t36"."redemptions_count" ELSE 0 END) AS "redemptions_count_90d",
      SUM(CASE WHEN "t36"."age_days" <= 365 THEN "t36"."redemptions_count" ELSE 0 END) AS "redemptions_count_365d",
      SUM(CASE WHEN "t36"."age_days" <= 90 THEN "t36"."contacts_opened_count" ELSE 0 END) AS "contacts_opened_count_90d",
      SUM(CASE WHEN "t36"."age_days" <= 90 THEN "t36"."contacts_clicked_count" ELSE 0 END) AS "contacts_clicked_count_90d",
      SUM(CASE WHEN "t36"."age_days" <= 365 THEN "t36"."feedback_count" ELSE 0 END) AS "feedback_count_365d",
      SUM(CASE WHEN "t36"."age_days" <= 365 THEN "t36"."complaints_count" ELSE 0 END) AS "complaints_count_365d",
      MIN(
        CASE
          WHEN "t36"."events_count" > 0
          THEN "t36"."age_days"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "event_recency_days",
      MIN(
        CASE
          WHEN "t36"."carts_count" > 0
          THEN "t36"."age_days"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "cart_recency_days",
      MIN(
        CASE
          WHEN "t36"."contacts_count" > 0
          THEN "t36"."age_days"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "contact_recency_days",
      MIN(
        CASE
          WHEN "t36"."redemptions_count" > 0
          THEN "t36"."age_days"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "redemption_recency_days",
      SUM(
        CASE
          WHEN (
            "t36"."age_days" <= 60
          ) AND (
            "t36"."age_days" > 30
          )
          THEN "t36"."sessions_count"
          ELSE 0
        END
      ) AS "sessions_before_30d",
      SUM(CASE WHEN "t36"."age_days" <= 365 THEN "t36"."ratings_count" ELSE 0 END) AS "ratings_count_365d",
      SUM(CASE WHEN "t36"."age_days" <= 365 THEN "t36"."rating_permille" ELSE 0 END) AS "rating_permille_365d"
    FROM (
      SELECT
        "t32"."as_of_day",
        "t32"."customer_id",
        "t32"."event_day",
        "t32"."orders_count",
        "t32"."orders_night_count",
        "t32"."orders_morning_count",
        "t32"."orders_afternoon_count",
        "t32"."orders_evening_count",
        "t32"."returns_count",
        "t32"."cancellations_count",
        "t32"."lines_count",
        "t32"."pieces_count",
        "t32"."revenue_cents",
        "t32"."discount_cents",
        "t32"."discounted_lines_count",
        "t32"."returned_lines_count",
        "t32"."refund_cents",
        "t32"."events_count",
        "t32"."views_count",
        "t32"."carts_count",
        "t32"."cart_removals_count",
        "t32"."wishlists_count",
        "t32"."checkouts_count",
        "t32"."searches_count",
        "t32"."logins_count",
        "t32"."shares_count",
        "t32"."reviews_count",
        "t32"."sessions_count",
        "t32"."contacts_count",
        "t32"."contacts_opened_count",
        "t32"."contacts_clicked_count",
        "t32"."redemptions_count",
        "t32"."feedback_count",
        "t32"."complaints_count",
        "t32"."ratings_count",
        "t32"."rating_permille",
        "t32"."age_days",
        "t32"."is_bought",
        "t32"."gap",
        "t32"."newest_rank",
        COUNT("t32"."gap") OVER (
          PARTITION BY "t32"."as_of_day", "t32"."customer_id", "t32"."is_bought"
          ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) AS "gaps_count",
        MIN("t32"."age_days") OVER (
          PARTITION BY "t32"."as_of_day", "t32"."customer_id", "t32"."is_bought"
          ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) AS "recency",
        (
          ROW_NUMBER() OVER (
            PARTITION BY "t32"."as_of_day", "t32"."customer_id", "t32"."is_bought"
            ORDER BY "t32"."gap" IS NULL ASC, "t32"."gap" ASC, "t32"."event_day" ASC
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          ) - 1
        ) + 1 AS "gap_rank"
      FROM (
        SELECT
          "t30"."as_of_day",
          "t30"."customer_id",
          "t30"."event_day",
          "t30"."orders_count",
          "t30"."orders_night_count",
          "t30"."orders_morning_count",
          "t30"."orders_afternoon_count",
          "t30"."orders_evening_count",
          "t30"."returns_count",
          "t30"."cancellations_count",
          "t30"."lines_count",
          "t30"."pieces_count",
          "t30"."revenue_cents",
          "t30"."discount_cents",
          "t30"."discounted_lines_count",
          "t30"."returned_lines_count",
          "t30"."refund_cents",
          "t30"."events_count",
          "t30"."views_count",
          "t30"."carts_count",
          "t30"."cart_removals_count",
          "t30"."wishlists_count",
          "t30"."checkouts_count",
          "t30"."searches_count",
          "t30"."logins_count",
          "t30"."shares_count",
          "t30"."reviews_count",
          "t30"."sessions_count",
          "t30"."contacts_count",
          "t30"."contacts_opened_count",
          "t30"."contacts_clicked_count",
          "t30"."redemptions_count",
          "t30"."feedback_count",
          "t30"."complaints_count",
          "t30"."ratings_count",
          "t30"."rating_permille",
          "t30"."age_days",
          "t30"."is_bought",
          "t30"."event_day" - LAG("t30"."event_day") OVER (
            PARTITION BY "t30"."as_of_day", "t30"."customer_id", "t30"."is_bought"
            ORDER BY "t30"."event_day" ASC
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          ) AS "gap",
          ROW_NUMBER() OVER (
            PARTITION BY "t30"."as_of_day", "t30"."customer_id", "t30"."is_bought"
            ORDER BY "t30"."event_day" DESC
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          ) - 1 AS "newest_rank"
        FROM (
          SELECT
            "t28"."as_of_day",
            "t28"."customer_id",
            "t28"."event_day",
            "t28"."orders_count",
            "t28"."orders_night_count",
            "t28"."orders_morning_count",
            "t28"."orders_afternoon_count",
            "t28"."orders_evening_count",
            "t28"."returns_count",
            "t28"."cancellations_count",
            "t28"."lines_count",
            "t28"."pieces_count",
            "t28"."revenue_cents",
            "t28"."discount_cents",
            "t28"."discounted_lines_count",
            "t28"."returned_lines_count",
            "t28"."refund_cents",
            "t28"."events_count",
            "t28"."views_count",
            "t28"."carts_count",
            "t28"."cart_removals_count",
            "t28"."wishlists_count",
            "t28"."checkouts_count",
            "t28"."searches_count",
            "t28"."logins_count",
            "t28"."shares_count",
            "t28"."reviews_count",
            "t28"."sessions_count",
            "t28"."contacts_count",
            "t28"."contacts_opened_count",
            "t28"."contacts_clicked_count",
            "t28"."redemptions_count",
            "t28"."feedback_count",
            "t28"."complaints_count",
            "t28"."ratings_count",
            "t28"."rating_permille",
            "t28"."age_days",
            "t28"."orders_count" > 0 AS "is_bought"
          FROM (
            SELECT
              "t22"."as_of_day",
              "t22"."customer_id",
              "t22"."event_day",
              "t22"."orders_count",
              "t22"."orders_night_count",
              "t22"."orders_morning_count",
              "t22"."orders_afternoon_count",
              "t22"."orders_evening_count",
              "t22"."returns_count",
              "t22"."cancellations_count",
              "t22"."lines_count",
              "t22"."pieces_count",
              "t22"."revenue_cents",
              "t22"."discount_cents",
              "t22"."discounted_lines_count",
              "t22"."returned_lines_count",
              "t22"."refund_cents",
              "t22"."events_count",
              "t22"."views_count",
              "t22"."carts_count",
              "t22"."cart_removals_count",
              "t22"."wishlists_count",
              "t22"."checkouts_count",
              "t22"."searches_count",
              "t22"."logins_count",
              "t22"."shares_count",
              "t22"."reviews_count",
              "t22"."sessions_count",
              "t22"."contacts_count",
              "t22"."contacts_opened_count",
              "t22"."contacts_clicked_count",
              "t22"."redemptions_count",
              "t22"."feedback_count",
              "t22"."complaints_count",
              "t22"."ratings_count",
              "t22"."rating_permille",
              "t22"."age_days"
            FROM (
              SELECT
                "t18"."as_of_day",
                "t18"."customer_id",
                "t18"."event_day",
                "t18"."orders_count",
                "t18"."orders_night_count",
                "t18"."orders_morning_count",
                "t18"."orders_afternoon_count",
                "t18"."orders_evening_count",
                "t18"."returns_count",
                "t18"."cancellations_count",
                "t18"."lines_count",
                "t18"."pieces_count",
                "t18"."revenue_cents",
                "t18"."discount_cents",
                "t18"."discounted_lines_count",
                "t18"."returned_lines_count",
                "t18"."refund_cents",
                "t18"."events_count",
                "t18"."views_count",
                "t18"."carts_count",
                "t18"."cart_removals_count",
                "t18"."wishlists_count",
                "t18"."checkouts_count",
                "t18"."searches_count",
                "t18"."logins_count",
                "t18"."shares_count",
                "t18"."reviews_count",
                "t18"."sessions_count",
                "t18"."contacts_count",
                "t18"."contacts_opened_count",
                "t18"."contacts_clicked_count",
                "t18"."redemptions_count",
                "t18"."feedback_count",
                "t18"."complaints_count",
                "t18"."ratings_count",
                "t18"."rating_permille",
                "t18"."as_of_day" - "t18"."event_day" AS "age_days"
              FROM "t16" AS "t18"
            ) AS "t22"
            SEMI JOIN "t23" AS "t25"
              ON "t22"."as_of_day" = "t25"."as_of_day"
              AND "t22"."customer_id" = "t25"."customer_id"
          ) AS "t28"
        ) AS "t30"
      ) AS "t32"
    ) AS "t36"
    GROUP BY
      1,
      2
  ) AS "t39"
  LEFT OUTER JOIN (
    SELECT
      "t42"."as_of_day",
      "t42"."customer_id",
      COUNT(*) AS "products_365d",
      SUM(CASE WHEN "t42"."is_repeated" THEN 1 ELSE 0 END) AS "products_repeated",
      MAX("t42"."lines_365d") AS "lines_top",
      SUM("t42"."lines_365d") AS "lines_all",
      COUNT(DISTINCT "t42"."category") AS "categories_365d",
      COUNT(
        DISTINCT CASE WHEN "t42"."lines_90d" > 0 THEN "t42"."category" ELSE CAST(NULL AS TEXT) END
      ) AS "categories_90d",
      SUM(CASE WHEN "t42"."lines_30d" > 0 THEN 1 ELSE 0 END) AS "products_30d",
      SUM(
        CASE
          WHEN (
            "t42"."lines_30d" > 0
          ) AND (
            "t42"."lines_30d" = "t42"."lines_365d"
          )
          THEN 1
          ELSE 0
        END
      ) AS "products_new_30d",
      SUM(CASE WHEN "t42"."lines_30d" > 0 THEN "t42"."buyers_share" ELSE 0 END) AS "buyers_share_30d",
      SUM(CASE WHEN "t42"."lines_30d" > 0 THEN "t42"."buyers_again_share" ELSE 0 END) AS "buyers_again_share_30d",
      SUM(CASE WHEN "t42"."lines_30d" > 0 THEN "t42"."momentum" ELSE 0 END) AS "momentum_30d",
      SUM(CASE WHEN "t42"."lines_90d" > 0 THEN 1 ELSE 0 END) AS "products_90d",
      SUM(
        CASE
          WHEN (
            "t42"."lines_90d" > 0
          ) AND (
            "t42"."lines_90d" = "t42"."lines_365d"
          )
          THEN 1
          ELSE 0
        END
      ) AS "products_new_90d",
      SUM(CASE WHEN "t42"."lines_90d" > 0 THEN "t42"."buyers_share" ELSE 0 END) AS "buyers_share_90d",
      SUM(CASE WHEN "t42"."lines_90d" > 0 THEN "t42"."buyers_again_share" ELSE 0 END) AS "buyers_again_share_90d",
      SUM(CASE WHEN "t42"."lines_90d" > 0 THEN "t42"."momentum" ELSE 0 END) AS "momentum_90d"
    FROM (
      SELECT
        "t41"."as_of_day",
        "t41"."customer_id",
        "t41"."product_id",
        "t41"."lines_30d",
        "t41"."lines_90d",
        "t41"."lines_120d",
        "t41"."lines_365d",
        "t41"."aged",
        "t41"."aged_square",
        "t41"."is_repeated",
        "t41"."active_count",
        "t41"."buyers",
        "t41"."buyers_again",
        "t41"."of_product_30d",
        "t41"."of_all_30d",
        "t41"."of_product_120d",
        "t41"."of_all_120d",
        "t41"."buyers_share",
        "t41"."buyers_again_share",
        "t41"."momentum",
        "t21"."category"
      FROM (
        SELECT
          "t37"."as_of_day",
          "t37"."customer_id",
          "t37"."product_id",
          "t37"."lines_30d",
          "t37"."lines_90d",
          "t37"."lines_120d",
          "t37"."lines_365d",
          "t37"."aged",
          "t37"."aged_square",
          "t37"."is_repeated",
          "t37"."active_count",
          "t37"."buyers",
          "t37"."buyers_again",
          "t37"."of_product_30d",
          "t37"."of_all_30d",
          "t37"."of_product_120d",
          "t37"."of_all_120d",
          CAST(FLOOR(
            (
              (
                CAST("t37"."buyers" AS DOUBLE) / NULLIF(CAST("t37"."active_count" AS DOUBLE), 0.0)
              ) * 1073741824
            ) + 0.5
          ) AS BIGINT) AS "buyers_share",
          CAST(FLOOR(
            (
              (
                CAST("t37"."buyers_again" AS DOUBLE) / NULLIF(CAST("t37"."buyers" AS DOUBLE), 0.0)
              ) * 1073741824
            ) + 0.5
          ) AS BIGINT) AS "buyers_again_share",
          CAST(FLOOR(
            (
              (
                LN(
                  CAST((
                    "t37"."of_product_30d" + 1
                  ) * 3 AS DOUBLE) / NULLIF(CAST((
                    "t37"."of_product_120d" - "t37"."of_product_30d"
                  ) + 3 AS DOUBLE), 0.0)
                ) - LN(
                  CAST((
                    "t37"."of_all_30d" + 1
                  ) * 3 AS DOUBLE) / NULLIF(CAST((
                    "t37"."of_all_120d" - "t37"."of_all_30d"
                  ) + 3 AS DOUBLE), 0.0)
                )
              ) * 1073741824
            ) + 0.5
          ) AS BIGINT) AS "momentum"
        FROM (
          SELECT
            "t35"."as_of_day",
            "t35"."customer_id",
            "t35"."product_id",
            "t35"."lines_30d",
            "t35"."lines_90d",
            "t35"."lines_120d",
            "t35"."lines_365d",
            "t35"."aged",
            "t35"."aged_square",
            "t35"."is_repeated",
            "t35"."active_count",
            COUNT(*) OVER (
              PARTITION BY "t35"."as_of_day", "t35"."product_id"
              ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            ) AS "buyers",
            SUM(CASE WHEN "t35"."is_repeated" THEN 1 ELSE 0 END) OVER (
              PARTITION BY "t35"."as_of_day", "t35"."product_id"
              ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            ) AS "buyers_again",
            SUM("t35"."lines_30d") OVER (
              PARTITION BY "t35"."as_of_day", "t35"."product_id"
              ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            ) AS "of_product_30d",
            SUM("t35"."lines_30d") OVER (
              PARTITION BY "t35"."as_of_day"
              ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            ) AS "of_all_30d",
            SUM("t35"."lines_120d") OVER (
              PARTITION BY "t35"."as_of_day", "t35"."product_id"
              ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            ) AS "of_product_120d",
            SUM("t35"."lines_120d") OVER (
              PARTITION BY "t35"."as_of_day"
              ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            ) AS "of_all_120d"
          FROM (
            SELECT
              "t34"."as_of_day",
              "t34"."customer_id",
              "t34"."product_id",
              "t34"."lines_30d",
              "t34"."lines_90d",
              "t34"."lines_120d",
              "t34"."lines_365d",
              "t34"."aged",
              "t34"."aged_square",
              "t34"."is_repeated",
              "t27"."active_count"
            FROM (
              SELECT
                "t31"."as_of_day",
                "t31"."customer_id",
                "t31"."product_id",
                "t31"."lines_30d",
                "t31"."lines_90d",
                "t31"."lines_120d",
                "t31"."lines_365d",
                "t31"."aged",
                "t31"."aged_square",
                (
                  "t31"."lines_365d" * "t31"."aged_square"
                ) > (
                  "t31"."aged" * "t31"."aged"
                ) AS "is_repeated"
              FROM (
                SELECT
                  "t29"."as_of_day",
                  "t29"."customer_id",
                  "t29"."product_id",
                  SUM(CASE WHEN "t29"."age_days" <= 30 THEN "t29"."lines_count" ELSE 0 END) AS "lines_30d",
                  SUM(CASE WHEN "t29"."age_days" <= 90 THEN "t29"."lines_count" ELSE 0 END) AS "lines_90d",
                  SUM(CASE WHEN "t29"."age_days" <= 120 THEN "t29"."lines_count" ELSE 0 END) AS "lines_120d",
                  SUM("t29"."lines_count") AS "lines_365d",
                  SUM("t29"."lines_count" * "t29"."age_days") AS "aged",
                  SUM("t29"."lines_count" * "t29"."age_days" * "t29"."age_days") AS "aged_square"
                FROM (
                  SELECT
                    "t14"."as_of_day",
                    "t14"."customer_id",
                    "t14"."product_id",
                    "t14"."event_day",
                    "t14"."known_from_day",
                    "t14"."rollup_id",
                    "t14"."lines_count",
                    "t14"."age_days"
                  FROM (
                    SELECT
                      "t10"."as_of_day",
                      "t10"."customer_id",
                      "t10"."product_id",
                      "t10"."event_day",
                      "t10"."known_from_day",
                      "t10"."rollup_id",
                      "t10"."lines_count",
                      "t10"."as_of_day" - "t10"."event_day" AS "age_days"
                    FROM (
                      SELECT
                        "t7"."as_of_day",
                        "t5"."customer_id",
                        "t5"."product_id",
                        "t5"."event_day",
                        "t5"."known_from_day",
                        "t5"."rollup_id",
                        "t5"."lines_count"
                      FROM (
                        SELECT
                          UNNEST([20000]) AS "as_of_day"
                      ) AS "t7"
                      CROSS JOIN "features"."customer_product_day" AS "t5"
                    ) AS "t10"
                    WHERE
                      "t10"."event_day" < "t10"."as_of_day"
                      AND "t10"."event_day" >= (
                        "t10"."as_of_day" - 365
                      )
                      AND "t10"."known_from_day" <= "t10"."as_of_day"
                  ) AS "t14"
                  SEMI JOIN "t23" AS "t25"
                    ON "t14"."as_of_day" = "t25"."as_of_day"
                    AND "t14"."customer_id" = "t25"."customer_id"
                ) AS "t29"
                GROUP BY
                  1,
                  2,
                  3
              ) AS "t31"
              WHERE
                "t31"."lines_365d" > 0
            ) AS "t34"
            INNER JOIN (
              SELECT
                "t24"."as_of_day",
                COUNT(*) AS "active_count"
              FROM "t23" AS "t24"
              GROUP BY
                1
            ) AS "t27"
              ON "t34"."as_of_day" = "t27"."as_of_day"
          ) AS "t35"
        ) AS "t37"
      ) AS "t41"
      LEFT OUTER JOIN (
        SELECT
          "t17"."as_of_day",
          "t17"."product_id",
          MIN("t17"."category") AS "category"
        FROM (
          SELECT
            *
          FROM (
            SELECT
              "t11"."as_of_day",
              "t11"."product_id",
              "t11"."category",
              SUM("t11"."versions_count") AS "versions_count"
            FROM (
              SELECT
                *
              FROM (
                SELECT
                  "t7"."as_of_day",
                  "t3"."product_id",
                  "t3"."category",
                  "t3"."known_from_day",
                  "t3"."rollup_id",
                  "t3"."versions_count"
                FROM (
                  SELECT
                    UNNEST([20000]) AS "as_of_day"
                ) AS "t7"
                CROSS JOIN "features"."product_category" AS "t3"
              ) AS "t8"
              WHERE
                "t8"."known_from_day" <= "t8"."as_of_day"
            ) AS "t11"
            GROUP BY
              1,
              2,
              3
          ) AS "t15"
          WHERE
            "t15"."versions_count" > 0
        ) AS "t17"
        GROUP BY
          1,
          2
      ) AS "t21"
        ON "t41"."as_of_day" = "t21"."as_of_day" AND "t41"."product_id" = "t21"."product_id"
    ) AS "t42"
    GROUP BY
      1,
      2
  ) AS "t44"
    ON "t39"."as_of_day" = "t44"."as_of_day"
    AND "t39"."customer_id" = "t44"."customer_id"
) AS "t45"
