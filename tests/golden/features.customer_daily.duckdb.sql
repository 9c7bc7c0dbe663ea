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
        "t5"."customer_id",
        "t5"."event_day",
        "t5"."known_from_day",
        "t5"."rollup_id",
        "t5"."orders_count",
        "t5"."orders_night_count",
        "t5"."orders_morning_count",
        "t5"."orders_afternoon_count",
        "t5"."orders_evening_count",
        "t5"."returns_count",
        "t5"."cancellations_count",
        "t5"."lines_count",
        "t5"."pieces_count",
        "t5"."revenue_cents",
        "t5"."discount_cents",
        "t5"."discounted_lines_count",
        "t5"."returned_lines_count",
        "t5"."refund_cents",
        "t5"."events_count",
        "t5"."views_count",
        "t5"."carts_count",
        "t5"."cart_removals_count",
        "t5"."wishlists_count",
        "t5"."checkouts_count",
        "t5"."searches_count",
        "t5"."logins_count",
        "t5"."shares_count",
        "t5"."reviews_count",
        "t5"."sessions_count",
        "t5"."contacts_count",
        "t5"."contacts_opened_count",
        "t5"."contacts_clicked_count",
        "t5"."redemptions_count",
        "t5"."feedback_count",
        "t5"."complaints_count",
        "t5"."ratings_count",
        "t5"."rating_permille"
      FROM (
        SELECT
          UNNEST([20000]) AS "as_of_day"
      ) AS "t7"
      CROSS JOIN "features"."customer_day" AS "t5"
    ) AS "t10"
    WHERE
      "t10"."event_day" < "t10"."as_of_day"
      AND "t10"."known_from_day" <= "t10"."as_of_day"
  ) AS "t12"
  GROUP BY
    1,
    2,
    3
)
SELECT
  "t38"."as_of_day",
  "t38"."customer_id",
  CAST("t38"."recency_days" AS DOUBLE) AS "recency_days",
  CAST("t38"."tenure_days" AS DOUBLE) AS "tenure_days",
  CAST("t38"."tenure_days" - "t38"."recency_days" AS DOUBLE) AS "purchase_span_days",
  CAST(CASE WHEN "t38"."purchase_days_count" = 1 THEN 1 ELSE 0 END AS DOUBLE) AS "is_one_time_buyer",
  CAST("t38"."orders_count_7d" AS DOUBLE) AS "orders_count_7d",
  CAST("t38"."orders_count_14d" AS DOUBLE) AS "orders_count_14d",
  CAST("t38"."orders_count_30d" AS DOUBLE) AS "orders_count_30d",
  CAST("t38"."orders_count_60d" AS DOUBLE) AS "orders_count_60d",
  CAST("t38"."orders_count_90d" AS DOUBLE) AS "orders_count_90d",
  CAST("t38"."orders_count_180d" AS DOUBLE) AS "orders_count_180d",
  CAST("t38"."orders_count_365d" AS DOUBLE) AS "orders_count_365d",
  CAST("t38"."orders_count" AS DOUBLE) AS "orders_count",
  CAST("t38"."purchase_days_count_90d" AS DOUBLE) AS "purchase_days_count_90d",
  CAST("t38"."purchase_days_count_365d" AS DOUBLE) AS "purchase_days_count_365d",
  CAST("t38"."purchase_days_count" AS DOUBLE) AS "purchase_days_count",
  CAST("t38"."orders_decayed_15d" AS DOUBLE) / 1099511627776 AS "orders_decayed_count_15d",
  CAST("t38"."orders_decayed_45d" AS DOUBLE) / 1099511627776 AS "orders_decayed_count_45d",
  CAST("t38"."orders_decayed_135d" AS DOUBLE) / 1099511627776 AS "orders_decayed_count_135d",
  CAST("t38"."revenue_cents_7d" AS DOUBLE) AS "revenue_cents_7d",
  CAST("t38"."revenue_cents_14d" AS DOUBLE) AS "revenue_cents_14d",
  CAST("t38"."revenue_cents_30d" AS DOUBLE) AS "revenue_cents_30d",
  CAST("t38"."revenue_cents_60d" AS DOUBLE) AS "revenue_cents_60d",
  CAST("t38"."revenue_cents_90d" AS DOUBLE) AS "revenue_cents_90d",
  CAST("t38"."revenue_cents_180d" AS DOUBLE) AS "revenue_cents_180d",
  CAST("t38"."revenue_cents_365d" AS DOUBLE) AS "revenue_cents_365d",
  CAST("t38"."revenue_cents" AS DOUBLE) AS "revenue_cents",
  CAST("t38"."revenue_decayed" AS DOUBLE) / 268435456 AS "revenue_decayed_cents_45d",
  CAST("t38"."gap_last" AS DOUBLE) AS "gap_last_days",
  CAST("t38"."gap_sum" AS DOUBLE) / NULLIF(CAST("t38"."gap_count" AS DOUBLE), 0.0) AS "gap_mean_days",
  CAST("t38"."gap_middle_sum" AS DOUBLE) / NULLIF(CAST("t38"."gap_middle_count" AS DOUBLE), 0.0) AS "gap_median_days",
  CAST("t38"."gap_recent_sum" AS DOUBLE) / NULLIF(CAST("t38"."gap_recent_count" AS DOUBLE), 0.0) AS "gap_recent3_mean_days",
  CAST("t38"."gap_max" AS DOUBLE) AS "gap_max_days",
  SQRT(
    CAST((
      "t38"."gap_count" * "t38"."gap_square_sum"
    ) - (
      "t38"."gap_sum" * "t38"."gap_sum"
    ) AS DOUBLE) / NULLIF(CAST("t38"."gap_count" * (
      "t38"."gap_count" - 1
    ) AS DOUBLE), 0.0)
  ) AS "gap_std_days",
  SQRT(
    CAST((
      "t38"."gap_count" * "t38"."gap_square_sum"
    ) - (
      "t38"."gap_sum" * "t38"."gap_sum"
    ) AS DOUBLE) / NULLIF(CAST("t38"."gap_count" * (
      "t38"."gap_count" - 1
    ) AS DOUBLE), 0.0)
  ) / NULLIF(
    CAST("t38"."gap_sum" AS DOUBLE) / NULLIF(CAST("t38"."gap_count" AS DOUBLE), 0.0),
    0.0
  ) AS "gap_variation_ratio",
  CAST("t38"."gap_last" AS DOUBLE) / NULLIF(
    CAST("t38"."gap_sum" AS DOUBLE) / NULLIF(CAST("t38"."gap_count" AS DOUBLE), 0.0),
    0.0
  ) AS "gap_last_over_mean_ratio",
  CAST("t38"."recency_days" AS DOUBLE) / NULLIF(
    CAST("t38"."gap_sum" AS DOUBLE) / NULLIF(CAST("t38"."gap_count" AS DOUBLE), 0.0),
    0.0
  ) AS "recency_over_gap_mean_ratio",
  CAST("t38"."recency_days" AS DOUBLE) / NULLIF(
    CAST("t38"."gap_middle_sum" AS DOUBLE) / NULLIF(CAST("t38"."gap_middle_count" AS DOUBLE), 0.0),
    0.0
  ) AS "recency_over_gap_median_ratio",
  CAST("t38"."lines_count" AS DOUBLE) / NULLIF(CAST("t38"."orders_count" AS DOUBLE), 0.0) AS "lines_per_order_mean",
  CAST("t38"."pieces_count" AS DOUBLE) / NULLIF(CAST("t38"."orders_count" AS DOUBLE), 0.0) AS "pieces_per_order_mean",
  CAST("t38"."revenue_cents" AS DOUBLE) / NULLIF(CAST("t38"."orders_count" AS DOUBLE), 0.0) AS "revenue_per_order_mean_cents",
  CAST("t38"."revenue_cents_90d" AS DOUBLE) / NULLIF(CAST("t38"."orders_count_90d" AS DOUBLE), 0.0) AS "revenue_per_order_mean_cents_90d",
  CAST("t38"."revenue_cents" AS DOUBLE) / NULLIF(CAST("t38"."pieces_count" AS DOUBLE), 0.0) AS "revenue_per_piece_mean_cents",
  CAST("t38"."last_revenue_cents" AS DOUBLE) / NULLIF(CAST("t38"."last_orders_count" AS DOUBLE), 0.0) AS "revenue_per_order_last_cents",
  (
    CAST("t38"."last_revenue_cents" AS DOUBLE) / NULLIF(CAST("t38"."last_orders_count" AS DOUBLE), 0.0)
  ) / NULLIF(
    CAST("t38"."revenue_cents" AS DOUBLE) / NULLIF(CAST("t38"."orders_count" AS DOUBLE), 0.0),
    0.0
  ) AS "revenue_last_over_mean_ratio",
  (
    CAST("t38"."last_lines_count" AS DOUBLE) / NULLIF(CAST("t38"."last_orders_count" AS DOUBLE), 0.0)
  ) / NULLIF(
    CAST("t38"."lines_count" AS DOUBLE) / NULLIF(CAST("t38"."orders_count" AS DOUBLE), 0.0),
    0.0
  ) AS "lines_last_over_mean_ratio",
  CAST("t38"."first_revenue_cents" AS DOUBLE) / NULLIF(CAST("t38"."first_orders_count" AS DOUBLE), 0.0) AS "revenue_per_order_first_cents",
  CAST("t38"."first_lines_count" AS DOUBLE) / NULLIF(CAST("t38"."first_orders_count" AS DOUBLE), 0.0) AS "lines_per_order_first",
  CAST(COALESCE("t38"."products_90d", 0) AS DOUBLE) AS "products_count_90d",
  CAST(COALESCE("t38"."products_365d", 0) AS DOUBLE) AS "products_count_365d",
  CAST(COALESCE("t38"."categories_90d", 0) AS DOUBLE) AS "categories_count_90d",
  CAST(COALESCE("t38"."categories_365d", 0) AS DOUBLE) AS "categories_count_365d",
  CAST("t38"."products_repeated" AS DOUBLE) / NULLIF(CAST("t38"."products_365d" AS DOUBLE), 0.0) AS "products_repeat_share_365d",
  CAST("t38"."lines_top" AS DOUBLE) / NULLIF(CAST("t38"."lines_all" AS DOUBLE), 0.0) AS "products_top_share_365d",
  CAST("t38"."products_new" AS DOUBLE) / NULLIF(CAST("t38"."products_90d" AS DOUBLE), 0.0) AS "products_new_share_90d",
  CAST("t38"."returns_count_90d" AS DOUBLE) AS "returns_count_90d",
  CAST("t38"."returns_count_365d" AS DOUBLE) AS "returns_count_365d",
  CAST("t38"."cancellations_count_90d" AS DOUBLE) AS "cancellations_count_90d",
  CAST("t38"."cancellations_count_365d" AS DOUBLE) AS "cancellations_count_365d",
  CAST("t38"."refund_cents_90d" AS DOUBLE) AS "refund_cents_90d",
  CAST("t38"."refund_cents_365d" AS DOUBLE) AS "refund_cents_365d",
  CAST("t38"."refund_cents_365d" AS DOUBLE) / NULLIF(CAST("t38"."revenue_cents_365d" AS DOUBLE), 0.0) AS "refund_share_365d",
  CAST("t38"."returned_lines_count_365d" AS DOUBLE) / NULLIF(CAST("t38"."lines_count_365d" AS DOUBLE), 0.0) AS "returned_lines_share_365d",
  CAST("t38"."return_recency_days" AS DOUBLE) AS "return_recency_days",
  CAST("t38"."discount_cents_90d" AS DOUBLE) AS "discount_cents_90d",
  CAST("t38"."discount_cents_365d" AS DOUBLE) AS "discount_cents_365d",
  CAST("t38"."discount_cents_90d" AS DOUBLE) / NULLIF(CAST("t38"."discount_cents_90d" + "t38"."revenue_cents_90d" AS DOUBLE), 0.0) AS "discount_share_90d",
  CAST("t38"."discount_cents_365d" AS DOUBLE) / NULLIF(CAST("t38"."discount_cents_365d" + "t38"."revenue_cents_365d" AS DOUBLE), 0.0) AS "discount_share_365d",
  CAST("t38"."discounted_lines_count_365d" AS DOUBLE) / NULLIF(CAST("t38"."lines_count_365d" AS DOUBLE), 0.0) AS "discounted_lines_share_365d",
  CAST(CAST(FLOOR(
    (
      LN(
        CAST("t38"."orders_count_30d" + 1 AS DOUBLE) / NULLIF(CAST("t38"."orders_before_30d" + 1 AS DOUBLE), 0.0)
      ) * 1000000000.0
    ) + 0.5
  ) AS BIGINT) AS DOUBLE) / 1000000000.0 AS "orders_trend_30d",
  CAST("t38"."revenue_cents_30d" - "t38"."revenue_before_30d" AS DOUBLE) / NULLIF(CAST("t38"."revenue_cents_30d" + "t38"."revenue_before_30d" AS DOUBLE), 0.0) AS "revenue_trend_30d",
  CAST(CAST(FLOOR(
    (
      LN(
        CAST("t38"."orders_count_90d" + 1 AS DOUBLE) / NULLIF(CAST("t38"."orders_before_90d" + 1 AS DOUBLE), 0.0)
      ) * 1000000000.0
    ) + 0.5
  ) AS BIGINT) AS DOUBLE) / 1000000000.0 AS "orders_trend_90d",
  CAST("t38"."revenue_cents_90d" - "t38"."revenue_before_90d" AS DOUBLE) / NULLIF(CAST("t38"."revenue_cents_90d" + "t38"."revenue_before_90d" AS DOUBLE), 0.0) AS "revenue_trend_90d",
  CAST("t38"."orders_monday_365d" AS DOUBLE) / NULLIF(CAST("t38"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_monday_share_365d",
  CAST("t38"."orders_tuesday_365d" AS DOUBLE) / NULLIF(CAST("t38"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_tuesday_share_365d",
  CAST("t38"."orders_wednesday_365d" AS DOUBLE) / NULLIF(CAST("t38"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_wednesday_share_365d",
  CAST("t38"."orders_thursday_365d" AS DOUBLE) / NULLIF(CAST("t38"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_thursday_share_365d",
  CAST("t38"."orders_friday_365d" AS DOUBLE) / NULLIF(CAST("t38"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_friday_share_365d",
  CAST("t38"."orders_saturday_365d" AS DOUBLE) / NULLIF(CAST("t38"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_saturday_share_365d",
  CAST("t38"."orders_sunday_365d" AS DOUBLE) / NULLIF(CAST("t38"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_sunday_share_365d",
  CAST("t38"."orders_saturday_365d" + "t38"."orders_sunday_365d" AS DOUBLE) / NULLIF(CAST("t38"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_weekend_share_365d",
  CAST("t38"."orders_night_365d" AS DOUBLE) / NULLIF(CAST("t38"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_night_share_365d",
  CAST("t38"."orders_morning_365d" AS DOUBLE) / NULLIF(CAST("t38"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_morning_share_365d",
  CAST("t38"."orders_afternoon_365d" AS DOUBLE) / NULLIF(CAST("t38"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_afternoon_share_365d",
  CAST("t38"."orders_evening_365d" AS DOUBLE) / NULLIF(CAST("t38"."orders_count_365d" AS DOUBLE), 0.0) AS "orders_evening_share_365d",
  CAST("t38"."sessions_count_7d" AS DOUBLE) AS "sessions_count_7d",
  CAST("t38"."sessions_count_30d" AS DOUBLE) AS "sessions_count_30d",
  CAST("t38"."sessions_count_90d" AS DOUBLE) AS "sessions_count_90d",
  CAST("t38"."events_count_7d" AS DOUBLE) AS "events_count_7d",
  CAST("t38"."events_count_30d" AS DOUBLE) AS "events_count_30d",
  CAST("t38"."events_count_90d" AS DOUBLE) AS "events_count_90d",
  CAST("t38"."views_count_7d" AS DOUBLE) AS "views_count_7d",
  CAST("t38"."views_count_30d" AS DOUBLE) AS "views_count_30d",
  CAST("t38"."views_count_90d" AS DOUBLE) AS "views_count_90d",
  CAST("t38"."carts_count_7d" AS DOUBLE) AS "carts_count_7d",
  CAST("t38"."carts_count_30d" AS DOUBLE) AS "carts_count_30d",
  CAST("t38"."carts_count_90d" AS DOUBLE) AS "carts_count_90d",
  CAST("t38"."wishlists_count_30d" AS DOUBLE) AS "wishlists_count_30d",
  CAST("t38"."wishlists_count_90d" AS DOUBLE) AS "wishlists_count_90d",
  CAST("t38"."searches_count_30d" AS DOUBLE) AS "searches_count_30d",
  CAST("t38"."searches_count_90d" AS DOUBLE) AS "searches_count_90d",
  CAST("t38"."logins_count_30d" AS DOUBLE) AS "logins_count_30d",
  CAST("t38"."logins_count_90d" AS DOUBLE) AS "logins_count_90d",
  CAST("t38"."cart_removals_count_90d" AS DOUBLE) AS "cart_removals_count_90d",
  CAST("t38"."checkouts_count_90d" AS DOUBLE) AS "checkouts_count_90d",
  CAST("t38"."shares_count_90d" AS DOUBLE) AS "shares_count_90d",
  CAST("t38"."reviews_count_90d" AS DOUBLE) AS "reviews_count_90d",
  CAST("t38"."event_recency_days" AS DOUBLE) AS "event_recency_days",
  CAST("t38"."cart_recency_days" AS DOUBLE) AS "cart_recency_days",
  CAST(CAST(FLOOR(
    (
      LN(
        CAST("t38"."sessions_count_30d" + 1 AS DOUBLE) / NULLIF(CAST("t38"."sessions_before_30d" + 1 AS DOUBLE), 0.0)
      ) * 1000000000.0
    ) + 0.5
  ) AS BIGINT) AS DOUBLE) / 1000000000.0 AS "sessions_trend_30d",
  CAST("t38"."contacts_count_30d" AS DOUBLE) AS "contacts_count_30d",
  CAST("t38"."contacts_count_90d" AS DOUBLE) AS "contacts_count_90d",
  CAST("t38"."contacts_count_365d" AS DOUBLE) AS "contacts_count_365d",
  CAST("t38"."redemptions_count_30d" AS DOUBLE) AS "redemptions_count_30d",
  CAST("t38"."redemptions_count_90d" AS DOUBLE) AS "redemptions_count_90d",
  CAST("t38"."redemptions_count_365d" AS DOUBLE) AS "redemptions_count_365d",
  CAST("t38"."contacts_opened_count_90d" AS DOUBLE) AS "contacts_opened_count_90d",
  CAST("t38"."contacts_clicked_count_90d" AS DOUBLE) AS "contacts_clicked_count_90d",
  CAST("t38"."redemptions_count_365d" AS DOUBLE) / NULLIF(CAST("t38"."contacts_count_365d" AS DOUBLE), 0.0) AS "redemption_share_365d",
  CAST("t38"."contact_recency_days" AS DOUBLE) AS "contact_recency_days",
  CAST("t38"."redemption_recency_days" AS DOUBLE) AS "redemption_recency_days",
  CAST("t38"."feedback_count_365d" AS DOUBLE) AS "feedback_count_365d",
  CAST("t38"."complaints_count_365d" AS DOUBLE) AS "complaints_count_365d",
  CAST("t38"."rating_permille_365d" AS DOUBLE) / NULLIF(CAST("t38"."ratings_count_365d" * 1000 AS DOUBLE), 0.0) AS "rating_mean_share_365d",
  CAST(CAST(FLOOR(
    (
      SIN(
        (
          CAST((
            "t38"."as_of_day" * 10000
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
            "t38"."as_of_day" * 10000
          ) % 3652425 AS DOUBLE) / NULLIF(3652425.0, 0.0)
        ) * 6.283185307179586
      ) * 1000000000.0
    ) + 0.5
  ) AS BIGINT) AS DOUBLE) / 1000000000.0 AS "season_cos"
FROM (
  SELECT
    "t37"."as_of_day",
    "t37"."customer_id",
    "t37"."recency_days",
    "t37"."tenure_days",
    "t37"."orders_count",
    "t37"."revenue_cents",
    "t37"."purchase_days_count",
    "t37"."purchase_days_count_90d",
    "t37"."purchase_days_count_365d",
    "t37"."revenue_decayed",
    "t37"."orders_count_7d",
    "t37"."revenue_cents_7d",
    "t37"."orders_count_14d",
    "t37"."revenue_cents_14d",
    "t37"."orders_count_30d",
    "t37"."revenue_cents_30d",
    "t37"."orders_count_60d",
    "t37"."revenue_cents_60d",
    "t37"."orders_count_90d",
    "t37"."revenue_cents_90d",
    "t37"."orders_count_180d",
    "t37"."revenue_cents_180d",
    "t37"."orders_count_365d",
    "t37"."revenue_cents_365d",
    "t37"."orders_before_30d",
    "t37"."revenue_before_30d",
    "t37"."orders_before_90d",
    "t37"."revenue_before_90d",
    "t37"."orders_decayed_15d",
    "t37"."orders_decayed_45d",
    "t37"."orders_decayed_135d",
    "t37"."gap_count",
    "t37"."gap_sum",
    "t37"."gap_square_sum",
    "t37"."gap_max",
    "t37"."gap_last",
    "t37"."gap_recent_sum",
    "t37"."gap_recent_count",
    "t37"."gap_middle_sum",
    "t37"."gap_middle_count",
    "t37"."first_orders_count",
    "t37"."first_lines_count",
    "t37"."first_revenue_cents",
    "t37"."last_orders_count",
    "t37"."last_lines_count",
    "t37"."last_revenue_cents",
    "t37"."lines_count",
    "t37"."pieces_count",
    "t37"."returns_count_90d",
    "t37"."returns_count_365d",
    "t37"."cancellations_count_90d",
    "t37"."cancellations_count_365d",
    "t37"."refund_cents_90d",
    "t37"."refund_cents_365d",
    "t37"."discount_cents_90d",
    "t37"."discount_cents_365d",
    "t37"."lines_count_365d",
    "t37"."returned_lines_count_365d",
    "t37"."discounted_lines_count_365d",
    "t37"."return_recency_days",
    "t37"."orders_monday_365d",
    "t37"."orders_tuesday_365d",
    "t37"."orders_wednesday_365d",
    "t37"."orders_thursday_365d",
    "t37"."orders_friday_365d",
    "t37"."orders_saturday_365d",
    "t37"."orders_sunday_365d",
    "t37"."orders_night_365d",
    "t37"."orders_morning_365d",
    "t37"."orders_afternoon_365d",
    "t37"."orders_evening_365d",
    "t37"."sessions_count_7d",
    "t37"."sessions_count_30d",
    "t37"."sessions_count_90d",
    "t37"."events_count_7d",
    "t37"."events_count_30d",
    "t37"."events_count_90d",
    "t37"."views_count_7d",
    "t37"."views_count_30d",
    "t37"."views_count_90d",
    "t37"."carts_count_7d",
    "t37"."carts_count_30d",
    "t37"."carts_count_90d",
    "t37"."wishlists_count_30d",
    "t37"."wishlists_count_90d",
    "t37"."searches_count_30d",
    "t37"."searches_count_90d",
    "t37"."logins_count_30d",
    "t37"."logins_count_90d",
    "t37"."cart_removals_count_90d",
    "t37"."checkouts_count_90d",
    "t37"."shares_count_90d",
    "t37"."reviews_count_90d",
    "t37"."contacts_count_30d",
    "t37"."contacts_count_90d",
    "t37"."contacts_count_365d",
    "t37"."redemptions_count_30d",
    "t37"."redemptions_count_90d",
    "t37"."redemptions_count_365d",
    "t37"."contacts_opened_count_90d",
    "t37"."contacts_clicked_count_90d",
    "t37"."feedback_count_365d",
    "t37"."complaints_count_365d",
    "t37"."event_recency_days",
    "t37"."cart_recency_days",
    "t37"."contact_recency_days",
    "t37"."redemption_recency_days",
    "t37"."sessions_before_30d",
    "t37"."ratings_count_365d",
    "t37"."rating_permille_365d",
    "t35"."products_365d",
    "t35"."products_90d",
    "t35"."products_new",
    "t35"."products_repeated",
    "t35"."lines_top",
    "t35"."lines_all",
    "t35"."categories_365d",
    "t35"."categories_90d"
  FROM (
    SELECT
      "t33"."as_of_day",
      "t33"."customer_id",
      MIN(
        CASE
          WHEN "t33"."orders_count" > 0
          THEN "t33"."age_days"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "recency_days",
      MAX(
        CASE
          WHEN "t33"."orders_count" > 0
          THEN "t33"."age_days"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "tenure_days",
      SUM("t33"."orders_count") AS "orders_count",
      SUM("t33"."revenue_cents") AS "revenue_cents",
      SUM(CASE WHEN "t33"."orders_count" > 0 THEN 1 ELSE 0 END) AS "purchase_days_count",
      SUM(
        CASE
          WHEN (
            "t33"."orders_count" > 0
          ) AND (
            "t33"."age_days" <= 90
          )
          THEN 1
          ELSE 0
        END
      ) AS "purchase_days_count_90d",
      SUM(
        CASE
          WHEN (
            "t33"."orders_count" > 0
          ) AND (
            "t33"."age_days" <= 365
          )
          THEN 1
          ELSE 0
        END
      ) AS "purchase_days_count_365d",
      SUM(
        "t33"."revenue_cents" * CAST(FLOOR(
          (
            EXP(CAST("t33"."age_days" AS DOUBLE) * -0.015403270679109895) * 268435456
          ) + 0.5
        ) AS BIGINT)
      ) AS "revenue_decayed",
      SUM(CASE WHEN "t33"."age_days" <= 7 THEN "t33"."orders_count" ELSE 0 END) AS "orders_count_7d",
      SUM(CASE WHEN "t33"."age_days" <= 7 THEN "t33"."revenue_cents" ELSE 0 END) AS "revenue_cents_7d",
      SUM(CASE WHEN "t33"."age_days" <= 14 THEN "t33"."orders_count" ELSE 0 END) AS "orders_count_14d",
      SUM(CASE WHEN "t33"."age_days" <= 14 THEN "t33"."revenue_cents" ELSE 0 END) AS "revenue_cents_14d",
      SUM(CASE WHEN "t33"."age_days" <= 30 THEN "t33"."orders_count" ELSE 0 END) AS "orders_count_30d",
      SUM(CASE WHEN "t33"."age_days" <= 30 THEN "t33"."revenue_cents" ELSE 0 END) AS "revenue_cents_30d",
      SUM(CASE WHEN "t33"."age_days" <= 60 THEN "t33"."orders_count" ELSE 0 END) AS "orders_count_60d",
      SUM(CASE WHEN "t33"."age_days" <= 60 THEN "t33"."revenue_cents" ELSE 0 END) AS "revenue_cents_60d",
      SUM(CASE WHEN "t33"."age_days" <= 90 THEN "t33"."orders_count" ELSE 0 END) AS "orders_count_90d",
      SUM(CASE WHEN "t33"."age_days" <= 90 THEN "t33"."revenue_cents" ELSE 0 END) AS "revenue_cents_90d",
      SUM(CASE WHEN "t33"."age_days" <= 180 THEN "t33"."orders_count" ELSE 0 END) AS "orders_count_180d",
      SUM(CASE WHEN "t33"."age_days" <= 180 THEN "t33"."revenue_cents" ELSE 0 END) AS "revenue_cents_180d",
      SUM(CASE WHEN "t33"."age_days" <= 365 THEN "t33"."orders_count" ELSE 0 END) AS "orders_count_365d",
      SUM(CASE WHEN "t33"."age_days" <= 365 THEN "t33"."revenue_cents" ELSE 0 END) AS "revenue_cents_365d",
      SUM(
        CASE
          WHEN (
            "t33"."age_days" <= 60
          ) AND (
            "t33"."age_days" > 30
          )
          THEN "t33"."orders_count"
          ELSE 0
        END
      ) AS "orders_before_30d",
      SUM(
        CASE
          WHEN (
            "t33"."age_days" <= 60
          ) AND (
            "t33"."age_days" > 30
          )
          THEN "t33"."revenue_cents"
          ELSE 0
        END
      ) AS "revenue_before_30d",
      SUM(
        CASE
          WHEN (
            "t33"."age_days" <= 180
          ) AND (
            "t33"."age_days" > 90
          )
          THEN "t33"."orders_count"
          ELSE 0
        END
      ) AS "orders_before_90d",
      SUM(
        CASE
          WHEN (
            "t33"."age_days" <= 180
          ) AND (
            "t33"."age_days" > 90
          )
          THEN "t33"."revenue_cents"
          ELSE 0
        END
      ) AS "revenue_before_90d",
      SUM(
        "t33"."orders_count" * CAST(FLOOR(
          (
            EXP(CAST("t33"."age_days" AS DOUBLE) * -0.046209812037329684) * 1099511627776
          ) + 0.5
        ) AS BIGINT)
      ) AS "orders_decayed_15d",
      SUM(
        "t33"."orders_count" * CAST(FLOOR(
          (
            EXP(CAST("t33"."age_days" AS DOUBLE) * -0.015403270679109895) * 1099511627776
          ) + 0.5
        ) AS BIGINT)
      ) AS "orders_decayed_45d",
      SUM(
        "t33"."orders_count" * CAST(FLOOR(
          (
            EXP(CAST("t33"."age_days" AS DOUBLE) * -0.005134423559703298) * 1099511627776
          ) + 0.5
        ) AS BIGINT)
      ) AS "orders_decayed_135d",
      SUM(CASE WHEN "t33"."is_bought" AND (
        "t33"."gap" IS NOT NULL
      ) THEN 1 ELSE 0 END) AS "gap_count",
      SUM(
        CASE
          WHEN "t33"."is_bought" AND (
            "t33"."gap" IS NOT NULL
          )
          THEN "t33"."gap"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "gap_sum",
      SUM(
        CASE
          WHEN "t33"."is_bought" AND (
            "t33"."gap" IS NOT NULL
          )
          THEN "t33"."gap" * "t33"."gap"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "gap_square_sum",
      MAX(
        CASE
          WHEN "t33"."is_bought" AND (
            "t33"."gap" IS NOT NULL
          )
          THEN "t33"."gap"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "gap_max",
      MAX(
        CASE
          WHEN "t33"."is_bought"
          AND (
            "t33"."gap" IS NOT NULL
          )
          AND (
            "t33"."is_bought" AND (
              "t33"."newest_rank" = 0
            )
          )
          THEN "t33"."gap"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "gap_last",
      SUM(
        CASE
          WHEN "t33"."is_bought"
          AND (
            "t33"."gap" IS NOT NULL
          )
          AND (
            "t33"."newest_rank" < 3
          )
          THEN "t33"."gap"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "gap_recent_sum",
      SUM(
        CASE
          WHEN "t33"."is_bought"
          AND (
            "t33"."gap" IS NOT NULL
          )
          AND (
            "t33"."newest_rank" < 3
          )
          THEN 1
          ELSE 0
        END
      ) AS "gap_recent_count",
      SUM(
        CASE
          WHEN "t33"."is_bought"
          AND (
            "t33"."gap" IS NOT NULL
          )
          AND (
            (
              "t33"."gap_rank" * 2
            ) >= "t33"."gaps_count"
          )
          AND (
            (
              "t33"."gap_rank" * 2
            ) <= (
              "t33"."gaps_count" + 2
            )
          )
          THEN "t33"."gap"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "gap_middle_sum",
      SUM(
        CASE
          WHEN "t33"."is_bought"
          AND (
            "t33"."gap" IS NOT NULL
          )
          AND (
            (
              "t33"."gap_rank" * 2
            ) >= "t33"."gaps_count"
          )
          AND (
            (
              "t33"."gap_rank" * 2
            ) <= (
              "t33"."gaps_count" + 2
            )
          )
          THEN 1
          ELSE 0
        END
      ) AS "gap_middle_count",
      MAX(
        CASE
          WHEN "t33"."is_bought" AND (
            "t33"."gap" IS NULL
          )
          THEN "t33"."orders_count"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "first_orders_count",
      MAX(
        CASE
          WHEN "t33"."is_bought" AND (
            "t33"."gap" IS NULL
          )
          THEN "t33"."lines_count"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "first_lines_count",
      MAX(
        CASE
          WHEN "t33"."is_bought" AND (
            "t33"."gap" IS NULL
          )
          THEN "t33"."revenue_cents"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "first_revenue_cents",
      MAX(
        CASE
          WHEN "t33"."is_bought" AND (
            "t33"."newest_rank" = 0
          )
          THEN "t33"."orders_count"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "last_orders_count",
      MAX(
        CASE
          WHEN "t33"."is_bought" AND (
            "t33"."newest_rank" = 0
          )
          THEN "t33"."lines_count"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "last_lines_count",
      MAX(
        CASE
          WHEN "t33"."is_bought" AND (
            "t33"."newest_rank" = 0
          )
          THEN "t33"."revenue_cents"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "last_revenue_cents",
      SUM("t33"."lines_count") AS "lines_count",
      SUM("t33"."pieces_count") AS "pieces_count",
      SUM(CASE WHEN "t33"."age_days" <= 90 THEN "t33"."returns_count" ELSE 0 END) AS "returns_count_90d",
      SUM(CASE WHEN "t33"."age_days" <= 365 THEN "t33"."returns_count" ELSE 0 END) AS "returns_count_365d",
      SUM(CASE WHEN "t33"."age_days" <= 90 THEN "t33"."cancellations_count" ELSE 0 END) AS "cancellations_count_90d",
      SUM(CASE WHEN "t33"."age_days" <= 365 THEN "t33"."cancellations_count" ELSE 0 END) AS "cancellations_count_365d",
      SUM(CASE WHEN "t33"."age_days" <= 90 THEN "t33"."refund_cents" ELSE 0 END) AS "refund_cents_90d",
      SUM(CASE WHEN "t33"."age_days" <= 365 THEN "t33"."refund_cents" ELSE 0 END) AS "refund_cents_365d",
      SUM(CASE WHEN "t33"."age_days" <= 90 THEN "t33"."discount_cents" ELSE 0 END) AS "discount_cents_90d",
      SUM(CASE WHEN "t33"."age_days" <= 365 THEN "t33"."discount_cents" ELSE 0 END) AS "discount_cents_365d",
      SUM(CASE WHEN "t33"."age_days" <= 365 THEN "t33"."lines_count" ELSE 0 END) AS "lines_count_365d",
      SUM(CASE WHEN "t33"."age_days" <= 365 THEN "t33"."returned_lines_count" ELSE 0 END) AS "returned_lines_count_365d",
      SUM(CASE WHEN "t33"."age_days" <= 365 THEN "t33"."discounted_lines_count" ELSE 0 END) AS "discounted_lines_count_365d",
      MIN(
        CASE
          WHEN (
            "t33"."returns_count" > 0
          ) OR (
            "t33"."cancellations_count" > 0
          )
          THEN "t33"."age_days"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "return_recency_days",
      SUM(
        CASE
          WHEN (
            "t33"."age_days" <= 365
          )
          AND (
            (
              (
                "t33"."event_day" + 3
              ) % 7
            ) = 0
          )
          THEN "t33"."orders_count"
          ELSE 0
        END
      ) AS "orders_monday_365d",
      SUM(
        CASE
          WHEN (
            "t33"."age_days" <= 365
          )
          AND (
            (
              (
                "t33"."event_day" + 3
              ) % 7
            ) = 1
          )
          THEN "t33"."orders_count"
          ELSE 0
        END
      ) AS "orders_tuesday_365d",
      SUM(
        CASE
          WHEN (
            "t33"."age_days" <= 365
          )
          AND (
            (
              (
                "t33"."event_day" + 3
              ) % 7
            ) = 2
          )
          THEN "t33"."orders_count"
          ELSE 0
        END
      ) AS "orders_wednesday_365d",
      SUM(
        CASE
          WHEN (
            "t33"."age_days" <= 365
          )
          AND (
            (
              (
                "t33"."event_day" + 3
              ) % 7
            ) = 3
          )
          THEN "t33"."orders_count"
          ELSE 0
        END
      ) AS "orders_thursday_365d",
      SUM(
        CASE
          WHEN (
            "t33"."age_days" <= 365
          )
          AND (
            (
              (
                "t33"."event_day" + 3
              ) % 7
            ) = 4
          )
          THEN "t33"."orders_count"
          ELSE 0
        END
      ) AS "orders_friday_365d",
      SUM(
        CASE
          WHEN (
            "t33"."age_days" <= 365
          )
          AND (
            (
              (
                "t33"."event_day" + 3
              ) % 7
            ) = 5
          )
          THEN "t33"."orders_count"
          ELSE 0
        END
      ) AS "orders_saturday_365d",
      SUM(
        CASE
          WHEN (
            "t33"."age_days" <= 365
          )
          AND (
            (
              (
                "t33"."event_day" + 3
              ) % 7
            ) = 6
          )
          THEN "t33"."orders_count"
          ELSE 0
        END
      ) AS "orders_sunday_365d",
      SUM(CASE WHEN "t33"."age_days" <= 365 THEN "t33"."orders_night_count" ELSE 0 END) AS "orders_night_365d",
      SUM(CASE WHEN "t33"."age_days" <= 365 THEN "t33"."orders_morning_count" ELSE 0 END) AS "orders_morning_365d",
      SUM(CASE WHEN "t33"."age_days" <= 365 THEN "t33"."orders_afternoon_count" ELSE 0 END) AS "orders_afternoon_365d",
      SUM(CASE WHEN "t33"."age_days" <= 365 THEN "t33"."orders_evening_count" ELSE 0 END) AS "orders_evening_365d",
      SUM(CASE WHEN "t33"."age_days" <= 7 THEN "t33"."sessions_count" ELSE 0 END) AS "sessions_count_7d",
      SUM(CASE WHEN "t33"."age_days" <= 30 THEN "t33"."sessions_count" ELSE 0 END) AS "sessions_count_30d",
      SUM(CASE WHEN "t33"."age_days" <= 90 THEN "t33"."sessions_count" ELSE 0 END) AS "sessions_count_90d",
      SUM(CASE WHEN "t33"."age_days" <= 7 THEN "t33"."events_count" ELSE 0 END) AS "events_count_7d",
      SUM(CASE WHEN "t33"."age_days" <= 30 THEN "t33"."events_count" ELSE 0 END) AS "events_count_30d",
      SUM(CASE WHEN "t33"."age_days" <= 90 THEN "t33"."events_count" ELSE 0 END) AS "events_count_90d",
      SUM(CASE WHEN "t33"."age_days" <= 7 THEN "t33"."views_count" ELSE 0 END) AS "views_count_7d",
      SUM(CASE WHEN "t33"."age_days" <= 30 THEN "t33"."views_count" ELSE 0 END) AS "views_count_30d",
      SUM(CASE WHEN "t33"."age_days" <= 90 THEN "t33"."views_count" ELSE 0 END) AS "views_count_90d",
      SUM(CASE WHEN "t33"."age_days" <= 7 THEN "t33"."carts_count" ELSE 0 END) AS "carts_count_7d",
      SUM(CASE WHEN "t33"."age_days" <= 30 THEN "t33"."carts_count" ELSE 0 END) AS "carts_count_30d",
      SUM(CASE WHEN "t33"."age_days" <= 90 THEN "t33"."carts_count" ELSE 0 END) AS "carts_count_90d",
      SUM(CASE WHEN "t33"."age_days" <= 30 THEN "t33"."wishlists_count" ELSE 0 END) AS "wishlists_count_30d",
      SUM(CASE WHEN "t33"."age_days" <= 90 THEN "t33"."wishlists_count" ELSE 0 END) AS "wishlists_count_90d",
      SUM(CASE WHEN "t33"."age_days" <= 30 THEN "t33"."searches_count" ELSE 0 END) AS "searches_count_30d",
      SUM(CASE WHEN "t33"."age_days" <= 90 THEN "t33"."searches_count" ELSE 0 END) AS "searches_count_90d",
      SUM(CASE WHEN "t33"."age_days" <= 30 THEN "t33"."logins_count" ELSE 0 END) AS "logins_count_30d",
      SUM(CASE WHEN "t33"."age_days" <= 90 THEN "t33"."logins_count" ELSE 0 END) AS "logins_count_90d",
      SUM(CASE WHEN "t33"."age_days" <= 90 THEN "t33"."cart_removals_count" ELSE 0 END) AS "cart_removals_count_90d",
      SUM(CASE WHEN "t33"."age_days" <= 90 THEN "t33"."checkouts_count" ELSE 0 END) AS "checkouts_count_90d",
      SUM(CASE WHEN "t33"."age_days" <= 90 THEN "t33"."shares_count" ELSE 0 END) AS "shares_count_90d",
      SUM(CASE WHEN "t33"."age_days" <= 90 THEN "t33"."reviews_count" ELSE 0 END) AS "reviews_count_90d",
      SUM(CASE WHEN "t33"."age_days" <= 30 THEN "t33"."contacts_count" ELSE 0 END) AS "contacts_count_30d",
      SUM(CASE WHEN "t33"."age_days" <= 90 THEN "t33"."contacts_count" ELSE 0 END) AS "contacts_count_90d",
      SUM(CASE WHEN "t33"."age_days" <= 365 THEN "t33"."contacts_count" ELSE 0 END) AS "contacts_count_365d",
      SUM(CASE WHEN "t33"."age_days" <= 30 THEN "t33"."redemptions_count" ELSE 0 END) AS "redemptions_count_30d",
      SUM(CASE WHEN "t33"."age_days" <= 90 THEN "t33"."redemptions_count" ELSE 0 END) AS "redemptions_count_90d",
      SUM(CASE WHEN "t33"."age_days" <= 365 THEN "t33"."redemptions_count" ELSE 0 END) AS "redemptions_count_365d",
      SUM(CASE WHEN "t33"."age_days" <= 90 THEN "t33"."contacts_opened_count" ELSE 0 END) AS "contacts_opened_count_90d",
      SUM(CASE WHEN "t33"."age_days" <= 90 THEN "t33"."contacts_clicked_count" ELSE 0 END) AS "contacts_clicked_count_90d",
      SUM(CASE WHEN "t33"."age_days" <= 365 THEN "t33"."feedback_count" ELSE 0 END) AS "feedback_count_365d",
      SUM(CASE WHEN "t33"."age_days" <= 365 THEN "t33"."complaints_count" ELSE 0 END) AS "complaints_count_365d",
      MIN(
        CASE
          WHEN "t33"."events_count" > 0
          THEN "t33"."age_days"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "event_recency_days",
      MIN(
        CASE
          WHEN "t33"."carts_count" > 0
          THEN "t33"."age_days"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "cart_recency_days",
      MIN(
        CASE
          WHEN "t33"."contacts_count" > 0
          THEN "t33"."age_days"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "contact_recency_days",
      MIN(
        CASE
          WHEN "t33"."redemptions_count" > 0
          THEN "t33"."age_days"
          ELSE CAST(NULL AS BIGINT)
        END
      ) AS "redemption_recency_days",
      SUM(
        CASE
          WHEN (
            "t33"."age_days" <= 60
          ) AND (
            "t33"."age_days" > 30
          )
          THEN "t33"."sessions_count"
          ELSE 0
        END
      ) AS "sessions_before_30d",
      SUM(CASE WHEN "t33"."age_days" <= 365 THEN "t33"."ratings_count" ELSE 0 END) AS "ratings_count_365d",
      SUM(CASE WHEN "t33"."age_days" <= 365 THEN "t33"."rating_permille" ELSE 0 END) AS "rating_permille_365d"
    FROM (
      SELECT
        "t29"."as_of_day",
        "t29"."customer_id",
        "t29"."event_day",
        "t29"."orders_count",
        "t29"."orders_night_count",
        "t29"."orders_morning_count",
        "t29"."orders_afternoon_count",
        "t29"."orders_evening_count",
        "t29"."returns_count",
        "t29"."cancellations_count",
        "t29"."lines_count",
        "t29"."pieces_count",
        "t29"."revenue_cents",
        "t29"."discount_cents",
        "t29"."discounted_lines_count",
        "t29"."returned_lines_count",
        "t29"."refund_cents",
        "t29"."events_count",
        "t29"."views_count",
        "t29"."carts_count",
        "t29"."cart_removals_count",
        "t29"."wishlists_count",
        "t29"."checkouts_count",
        "t29"."searches_count",
        "t29"."logins_count",
        "t29"."shares_count",
        "t29"."reviews_count",
        "t29"."sessions_count",
        "t29"."contacts_count",
        "t29"."contacts_opened_count",
        "t29"."contacts_clicked_count",
        "t29"."redemptions_count",
        "t29"."feedback_count",
        "t29"."complaints_count",
        "t29"."ratings_count",
        "t29"."rating_permille",
        "t29"."age_days",
        "t29"."is_bought",
        "t29"."gap",
        "t29"."newest_rank",
        COUNT("t29"."gap") OVER (
          PARTITION BY "t29"."as_of_day", "t29"."customer_id", "t29"."is_bought"
          ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) AS "gaps_count",
        (
          ROW_NUMBER() OVER (
            PARTITION BY "t29"."as_of_day", "t29"."customer_id", "t29"."is_bought"
            ORDER BY "t29"."gap" IS NULL ASC, "t29"."gap" ASC, "t29"."event_day" ASC
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          ) - 1
        ) + 1 AS "gap_rank"
      FROM (
        SELECT
          "t27"."as_of_day",
          "t27"."customer_id",
          "t27"."event_day",
          "t27"."orders_count",
          "t27"."orders_night_count",
          "t27"."orders_morning_count",
          "t27"."orders_afternoon_count",
          "t27"."orders_evening_count",
          "t27"."returns_count",
          "t27"."cancellations_count",
          "t27"."lines_count",
          "t27"."pieces_count",
          "t27"."revenue_cents",
          "t27"."discount_cents",
          "t27"."discounted_lines_count",
          "t27"."returned_lines_count",
          "t27"."refund_cents",
          "t27"."events_count",
          "t27"."views_count",
          "t27"."carts_count",
          "t27"."cart_removals_count",
          "t27"."wishlists_count",
          "t27"."checkouts_count",
          "t27"."searches_count",
          "t27"."logins_count",
          "t27"."shares_count",
          "t27"."reviews_count",
          "t27"."sessions_count",
          "t27"."contacts_count",
          "t27"."contacts_opened_count",
          "t27"."contacts_clicked_count",
          "t27"."redemptions_count",
          "t27"."feedback_count",
          "t27"."complaints_count",
          "t27"."ratings_count",
          "t27"."rating_permille",
          "t27"."age_days",
          "t27"."is_bought",
          "t27"."event_day" - LAG("t27"."event_day") OVER (
            PARTITION BY "t27"."as_of_day", "t27"."customer_id", "t27"."is_bought"
            ORDER BY "t27"."event_day" ASC
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          ) AS "gap",
          ROW_NUMBER() OVER (
            PARTITION BY "t27"."as_of_day", "t27"."customer_id", "t27"."is_bought"
            ORDER BY "t27"."event_day" DESC
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          ) - 1 AS "newest_rank"
        FROM (
          SELECT
            "t25"."as_of_day",
            "t25"."customer_id",
            "t25"."event_day",
            "t25"."orders_count",
            "t25"."orders_night_count",
            "t25"."orders_morning_count",
            "t25"."orders_afternoon_count",
            "t25"."orders_evening_count",
            "t25"."returns_count",
            "t25"."cancellations_count",
            "t25"."lines_count",
            "t25"."pieces_count",
            "t25"."revenue_cents",
            "t25"."discount_cents",
            "t25"."discounted_lines_count",
            "t25"."returned_lines_count",
            "t25"."refund_cents",
            "t25"."events_count",
            "t25"."views_count",
            "t25"."carts_count",
            "t25"."cart_removals_count",
            "t25"."wishlists_count",
            "t25"."checkouts_count",
            "t25"."searches_count",
            "t25"."logins_count",
            "t25"."shares_count",
            "t25"."reviews_count",
            "t25"."sessions_count",
            "t25"."contacts_count",
            "t25"."contacts_opened_count",
            "t25"."contacts_clicked_count",
            "t25"."redemptions_count",
            "t25"."feedback_count",
            "t25"."complaints_count",
            "t25"."ratings_count",
            "t25"."rating_permille",
            "t25"."age_days",
            "t25"."orders_count" > 0 AS "is_bought"
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
            SEMI JOIN (
              SELECT DISTINCT
                "t18"."as_of_day",
                "t18"."customer_id"
              FROM "t16" AS "t18"
              WHERE
                "t18"."orders_count" > 0 AND (
                  "t18"."as_of_day" - "t18"."event_day"
                ) <= 90
            ) AS "t24"
              ON "t22"."as_of_day" = "t24"."as_of_day"
              AND "t22"."customer_id" = "t24"."customer_id"
          ) AS "t25"
        ) AS "t27"
      ) AS "t29"
    ) AS "t33"
    GROUP BY
      1,
      2
  ) AS "t37"
  LEFT OUTER JOIN (
    SELECT
      "t32"."as_of_day",
      "t32"."customer_id",
      COUNT(*) AS "products_365d",
      SUM(CASE WHEN "t32"."is_recent" THEN 1 ELSE 0 END) AS "products_90d",
      SUM(
        CASE
          WHEN "t32"."is_recent" AND (
            "t32"."lines_90d" = "t32"."lines_365d"
          )
          THEN 1
          ELSE 0
        END
      ) AS "products_new",
      SUM(CASE WHEN "t32"."is_repeated" THEN 1 ELSE 0 END) AS "products_repeated",
      MAX("t32"."lines_365d") AS "lines_top",
      SUM("t32"."lines_365d") AS "lines_all",
      COUNT(DISTINCT "t32"."category") AS "categories_365d",
      COUNT(
        DISTINCT CASE WHEN "t32"."is_recent" THEN "t32"."category" ELSE CAST(NULL AS TEXT) END
      ) AS "categories_90d"
    FROM (
      SELECT
        "t31"."as_of_day",
        "t31"."customer_id",
        "t31"."product_id",
        "t31"."lines_90d",
        "t31"."lines_365d",
        "t31"."aged",
        "t31"."aged_square",
        "t31"."is_repeated",
        "t31"."is_recent",
        "t21"."category"
      FROM (
        SELECT
          "t28"."as_of_day",
          "t28"."customer_id",
          "t28"."product_id",
          "t28"."lines_90d",
          "t28"."lines_365d",
          "t28"."aged",
          "t28"."aged_square",
          (
            "t28"."lines_365d" * "t28"."aged_square"
          ) > (
            "t28"."aged" * "t28"."aged"
          ) AS "is_repeated",
          "t28"."lines_90d" > 0 AS "is_recent"
        FROM (
          SELECT
            "t26"."as_of_day",
            "t26"."customer_id",
            "t26"."product_id",
            SUM(CASE WHEN "t26"."age_days" <= 90 THEN "t26"."lines_count" ELSE 0 END) AS "lines_90d",
            SUM("t26"."lines_count") AS "lines_365d",
            SUM("t26"."lines_count" * "t26"."age_days") AS "aged",
            SUM("t26"."lines_count" * "t26"."age_days" * "t26"."age_days") AS "aged_square"
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
                "t8"."as_of_day",
                "t8"."customer_id",
                "t8"."product_id",
                "t8"."event_day",
                "t8"."known_from_day",
                "t8"."rollup_id",
                "t8"."lines_count",
                "t8"."as_of_day" - "t8"."event_day" AS "age_days"
              FROM (
                SELECT
                  "t7"."as_of_day",
                  "t3"."customer_id",
                  "t3"."product_id",
                  "t3"."event_day",
                  "t3"."known_from_day",
                  "t3"."rollup_id",
                  "t3"."lines_count"
                FROM (
                  SELECT
                    UNNEST([20000]) AS "as_of_day"
                ) AS "t7"
                CROSS JOIN "features"."customer_product_day" AS "t3"
              ) AS "t8"
              WHERE
                "t8"."event_day" < "t8"."as_of_day"
                AND "t8"."event_day" >= (
                  "t8"."as_of_day" - 365
                )
                AND "t8"."known_from_day" <= "t8"."as_of_day"
            ) AS "t14"
            SEMI JOIN (
              SELECT DISTINCT
                "t18"."as_of_day",
                "t18"."customer_id"
              FROM "t16" AS "t18"
              WHERE
                "t18"."orders_count" > 0 AND (
                  "t18"."as_of_day" - "t18"."event_day"
                ) <= 90
            ) AS "t24"
              ON "t14"."as_of_day" = "t24"."as_of_day"
              AND "t14"."customer_id" = "t24"."customer_id"
          ) AS "t26"
          GROUP BY
            1,
            2,
            3
        ) AS "t28"
        WHERE
          "t28"."lines_365d" > 0
      ) AS "t31"
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
                  "t4"."product_id",
                  "t4"."category",
                  "t4"."known_from_day",
                  "t4"."rollup_id",
                  "t4"."versions_count"
                FROM (
                  SELECT
                    UNNEST([20000]) AS "as_of_day"
                ) AS "t7"
                CROSS JOIN "features"."product_category" AS "t4"
              ) AS "t9"
              WHERE
                "t9"."known_from_day" <= "t9"."as_of_day"
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
        ON "t31"."as_of_day" = "t21"."as_of_day" AND "t31"."product_id" = "t21"."product_id"
    ) AS "t32"
    GROUP BY
      1,
      2
  ) AS "t35"
    ON "t37"."as_of_day" = "t35"."as_of_day"
    AND "t37"."customer_id" = "t35"."customer_id"
) AS "t38"
