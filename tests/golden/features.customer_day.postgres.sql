WITH "t65" AS (
  SELECT
    "t60"."customer_id",
    "t60"."second",
    "t60"."event_at",
    "t60"."known_from_at",
    MIN("t60"."known_from_at") OVER (
      PARTITION BY "t60"."customer_id"
      ORDER BY "t60"."second" ASC
      RANGE BETWEEN 1799 preceding AND 1 preceding
    ) AS "continues_from_at"
  FROM (
    SELECT
      "t51"."customer_id",
      "t51"."second",
      MAX("t51"."event_at") AS "event_at",
      MIN("t51"."available_at") AS "known_from_at"
    FROM (
      SELECT
        "t46"."customer_id",
        "t46"."event_at",
        "t46"."event_type",
        "t46"."product_id",
        "t46"."session_id",
        "t46"."detail",
        "t46"."source",
        "t46"."row_key",
        "t46"."content_hash",
        "t46"."delivery_id",
        "t46"."line_number",
        "t46"."loaded_at",
        "t46"."available_at",
        "t46"."superseded_at",
        "t46"."superseded_by",
        CAST(FLOOR(CAST(EXTRACT('epoch' FROM "t46"."event_at") AS DOUBLE PRECISION)) AS BIGINT) AS "second"
      FROM (
        SELECT
          "t20"."customer_id",
          "t20"."event_at",
          "t20"."event_type",
          "t20"."product_id",
          "t20"."session_id",
          "t20"."detail",
          "t20"."source",
          "t20"."row_key",
          "t20"."content_hash",
          "t20"."delivery_id",
          "t20"."line_number",
          "t20"."loaded_at",
          "t20"."available_at",
          "t20"."superseded_at",
          "t20"."superseded_by"
        FROM (
          SELECT
            *
          FROM "curated"."events" AS "t4"
          WHERE
            "t4"."customer_id" IS NOT NULL
            AND "t4"."event_at" >= CAST('2024-12-31T23:30:00+00:00' AS TIMESTAMPTZ)
            AND "t4"."event_at" <= CAST('2025-01-01T00:30:00+00:00' AS TIMESTAMPTZ)
        ) AS "t20"
        WHERE
          EXISTS(
            SELECT
              1
            FROM (
              SELECT
                "t19"."customer_id",
                "t19"."event_at",
                "t19"."event_type",
                "t19"."product_id",
                "t19"."session_id",
                "t19"."detail",
                "t19"."source",
                "t19"."row_key",
                "t19"."content_hash",
                "t19"."delivery_id",
                "t19"."line_number",
                "t19"."loaded_at",
                "t19"."available_at",
                "t19"."superseded_at",
                "t19"."superseded_by"
              FROM (
                SELECT
                  *
                FROM "curated"."events" AS "t4"
                WHERE
                  "t4"."customer_id" IS NOT NULL
              ) AS "t19"
              WHERE
                EXISTS(
                  SELECT
                    1
                  FROM (
                    SELECT
                      *
                    FROM "features"."rolled_up" AS "t6"
                    WHERE
                      "t6"."rollup_id" = 2
                  ) AS "t21"
                  WHERE
                    "t19"."delivery_id" = "t21"."delivery_id"
                )
            ) AS "t40"
            WHERE
              "t20"."customer_id" = "t40"."customer_id"
          )
          AND EXISTS(
            SELECT
              1
            FROM (
              SELECT
                *
              FROM "features"."rolled_up" AS "t6"
              WHERE
                "t6"."rollup_id" <= 2
            ) AS "t22"
            WHERE
              "t20"."delivery_id" = "t22"."delivery_id"
          )
      ) AS "t46"
    ) AS "t51"
    GROUP BY
      1,
      2
  ) AS "t60"
), "t66" AS (
  SELECT
    "t61"."customer_id",
    "t61"."second",
    "t61"."event_at",
    "t61"."known_from_at",
    MIN("t61"."known_from_at") OVER (
      PARTITION BY "t61"."customer_id"
      ORDER BY "t61"."second" ASC
      RANGE BETWEEN 1799 preceding AND 1 preceding
    ) AS "continues_from_at"
  FROM (
    SELECT
      "t52"."customer_id",
      "t52"."second",
      MAX("t52"."event_at") AS "event_at",
      MIN("t52"."available_at") AS "known_from_at"
    FROM (
      SELECT
        "t47"."customer_id",
        "t47"."event_at",
        "t47"."event_type",
        "t47"."product_id",
        "t47"."session_id",
        "t47"."detail",
        "t47"."source",
        "t47"."row_key",
        "t47"."content_hash",
        "t47"."delivery_id",
        "t47"."line_number",
        "t47"."loaded_at",
        "t47"."available_at",
        "t47"."superseded_at",
        "t47"."superseded_by",
        CAST(FLOOR(CAST(EXTRACT('epoch' FROM "t47"."event_at") AS DOUBLE PRECISION)) AS BIGINT) AS "second"
      FROM (
        SELECT
          "t20"."customer_id",
          "t20"."event_at",
          "t20"."event_type",
          "t20"."product_id",
          "t20"."session_id",
          "t20"."detail",
          "t20"."source",
          "t20"."row_key",
          "t20"."content_hash",
          "t20"."delivery_id",
          "t20"."line_number",
          "t20"."loaded_at",
          "t20"."available_at",
          "t20"."superseded_at",
          "t20"."superseded_by"
        FROM (
          SELECT
            *
          FROM "curated"."events" AS "t4"
          WHERE
            "t4"."customer_id" IS NOT NULL
            AND "t4"."event_at" >= CAST('2024-12-31T23:30:00+00:00' AS TIMESTAMPTZ)
            AND "t4"."event_at" <= CAST('2025-01-01T00:30:00+00:00' AS TIMESTAMPTZ)
        ) AS "t20"
        WHERE
          EXISTS(
            SELECT
              1
            FROM (
              SELECT
                "t19"."customer_id",
                "t19"."event_at",
                "t19"."event_type",
                "t19"."product_id",
                "t19"."session_id",
                "t19"."detail",
                "t19"."source",
                "t19"."row_key",
                "t19"."content_hash",
                "t19"."delivery_id",
                "t19"."line_number",
                "t19"."loaded_at",
                "t19"."available_at",
                "t19"."superseded_at",
                "t19"."superseded_by"
              FROM (
                SELECT
                  *
                FROM "curated"."events" AS "t4"
                WHERE
                  "t4"."customer_id" IS NOT NULL
              ) AS "t19"
              WHERE
                EXISTS(
                  SELECT
                    1
                  FROM (
                    SELECT
                      *
                    FROM "features"."rolled_up" AS "t6"
                    WHERE
                      "t6"."rollup_id" = 2
                  ) AS "t21"
                  WHERE
                    "t19"."delivery_id" = "t21"."delivery_id"
                )
            ) AS "t40"
            WHERE
              "t20"."customer_id" = "t40"."customer_id"
          )
          AND EXISTS(
            SELECT
              1
            FROM (
              SELECT
                *
              FROM "features"."rolled_up" AS "t6"
              WHERE
                "t6"."rollup_id" <= 1
            ) AS "t23"
            WHERE
              "t20"."delivery_id" = "t23"."delivery_id"
          )
      ) AS "t47"
    ) AS "t52"
    GROUP BY
      1,
      2
  ) AS "t61"
)
SELECT
  "t87"."customer_id",
  "t87"."event_day",
  "t87"."known_from_day",
  "t87"."newest_event_at",
  "t87"."orders_count",
  "t87"."returns_count",
  "t87"."cancellations_count",
  "t87"."lines_count",
  "t87"."pieces_count",
  "t87"."revenue_cents",
  "t87"."discount_cents",
  "t87"."discounted_lines_count",
  "t87"."returned_lines_count",
  "t87"."refund_cents",
  "t87"."events_count",
  "t87"."views_count",
  "t87"."carts_count",
  "t87"."cart_removals_count",
  "t87"."wishlists_count",
  "t87"."checkouts_count",
  "t87"."searches_count",
  "t87"."logins_count",
  "t87"."shares_count",
  "t87"."reviews_count",
  "t87"."sessions_count",
  "t87"."contacts_count",
  "t87"."contacts_opened_count",
  "t87"."contacts_clicked_count",
  "t87"."redemptions_count",
  "t87"."feedback_count",
  "t87"."complaints_count",
  "t87"."ratings_count",
  "t87"."rating_permille",
  "t87"."orders_night_count",
  "t87"."orders_morning_count",
  "t87"."orders_afternoon_count",
  "t87"."orders_evening_count",
  2 AS "rollup_id"
FROM (
  SELECT
    "t86"."customer_id",
    "t86"."event_day",
    "t86"."known_from_day",
    MAX("t86"."event_at") AS "newest_event_at",
    SUM("t86"."orders_count") AS "orders_count",
    SUM("t86"."returns_count") AS "returns_count",
    SUM("t86"."cancellations_count") AS "cancellations_count",
    SUM("t86"."lines_count") AS "lines_count",
    SUM("t86"."pieces_count") AS "pieces_count",
    SUM("t86"."revenue_cents") AS "revenue_cents",
    SUM("t86"."discount_cents") AS "discount_cents",
    SUM("t86"."discounted_lines_count") AS "discounted_lines_count",
    SUM("t86"."returned_lines_count") AS "returned_lines_count",
    SUM("t86"."refund_cents") AS "refund_cents",
    SUM("t86"."events_count") AS "events_count",
    SUM("t86"."views_count") AS "views_count",
    SUM("t86"."carts_count") AS "carts_count",
    SUM("t86"."cart_removals_count") AS "cart_removals_count",
    SUM("t86"."wishlists_count") AS "wishlists_count",
    SUM("t86"."checkouts_count") AS "checkouts_count",
    SUM("t86"."searches_count") AS "searches_count",
    SUM("t86"."logins_count") AS "logins_count",
    SUM("t86"."shares_count") AS "shares_count",
    SUM("t86"."reviews_count") AS "reviews_count",
    SUM("t86"."sessions_count") AS "sessions_count",
    SUM("t86"."contacts_count") AS "contacts_count",
    SUM("t86"."contacts_opened_count") AS "contacts_opened_count",
    SUM("t86"."contacts_clicked_count") AS "contacts_clicked_count",
    SUM("t86"."redemptions_count") AS "redemptions_count",
    SUM("t86"."feedback_count") AS "feedback_count",
    SUM("t86"."complaints_count") AS "complaints_count",
    SUM("t86"."ratings_count") AS "ratings_count",
    SUM("t86"."rating_permille") AS "rating_permille",
    SUM(
      CASE
        WHEN CAST(FLOOR(CAST((
          "t86"."day_second"
        ) AS DOUBLE PRECISION) / (
          21600
        )) AS BIGINT) = 0
        THEN "t86"."orders_count"
        ELSE 0
      END
    ) AS "orders_night_count",
    SUM(
      CASE
        WHEN CAST(FLOOR(CAST((
          "t86"."day_second"
        ) AS DOUBLE PRECISION) / (
          21600
        )) AS BIGINT) = 1
        THEN "t86"."orders_count"
        ELSE 0
      END
    ) AS "orders_morning_count",
    SUM(
      CASE
        WHEN CAST(FLOOR(CAST((
          "t86"."day_second"
        ) AS DOUBLE PRECISION) / (
          21600
        )) AS BIGINT) = 2
        THEN "t86"."orders_count"
        ELSE 0
      END
    ) AS "orders_afternoon_count",
    SUM(
      CASE
        WHEN CAST(FLOOR(CAST((
          "t86"."day_second"
        ) AS DOUBLE PRECISION) / (
          21600
        )) AS BIGINT) = 3
        THEN "t86"."orders_count"
        ELSE 0
      END
    ) AS "orders_evening_count"
  FROM (
    SELECT
      "t85"."customer_id",
      "t85"."event_at",
      "t85"."known_from_at",
      "t85"."orders_count",
      "t85"."returns_count",
      "t85"."cancellations_count",
      "t85"."lines_count",
      "t85"."pieces_count",
      "t85"."revenue_cents",
      "t85"."discount_cents",
      "t85"."discounted_lines_count",
      "t85"."returned_lines_count",
      "t85"."refund_cents",
      "t85"."events_count",
      "t85"."views_count",
      "t85"."carts_count",
      "t85"."cart_removals_count",
      "t85"."wishlists_count",
      "t85"."checkouts_count",
      "t85"."searches_count",
      "t85"."logins_count",
      "t85"."shares_count",
      "t85"."reviews_count",
      "t85"."sessions_count",
      "t85"."contacts_count",
      "t85"."contacts_opened_count",
      "t85"."contacts_clicked_count",
      "t85"."redemptions_count",
      "t85"."feedback_count",
      "t85"."complaints_count",
      "t85"."ratings_count",
      "t85"."rating_permille",
      "t85"."known_from_day",
      CAST(FLOOR(
        CAST((
          "t85"."second" + "t85"."offset_seconds"
        ) AS DOUBLE PRECISION) / (
          86400
        )
      ) AS BIGINT) AS "event_day",
      (
        "t85"."second" + "t85"."offset_seconds"
      ) % 86400 AS "day_second"
    FROM (
      SELECT
        "t84"."customer_id",
        "t84"."event_at",
        "t84"."known_from_at",
        "t84"."orders_count",
        "t84"."returns_count",
        "t84"."cancellations_count",
        "t84"."lines_count",
        "t84"."pieces_count",
        "t84"."revenue_cents",
        "t84"."discount_cents",
        "t84"."discounted_lines_count",
        "t84"."returned_lines_count",
        "t84"."refund_cents",
        "t84"."events_count",
        "t84"."views_count",
        "t84"."carts_count",
        "t84"."cart_removals_count",
        "t84"."wishlists_count",
        "t84"."checkouts_count",
        "t84"."searches_count",
        "t84"."logins_count",
        "t84"."shares_count",
        "t84"."reviews_count",
        "t84"."sessions_count",
        "t84"."contacts_count",
        "t84"."contacts_opened_count",
        "t84"."contacts_clicked_count",
        "t84"."redemptions_count",
        "t84"."feedback_count",
        "t84"."complaints_count",
        "t84"."ratings_count",
        "t84"."rating_permille",
        "t84"."known_from_day",
        "t84"."second",
        CASE
          WHEN "t84"."second" < "t7"."changes_at_second"
          THEN "t7"."offset_before_seconds"
          ELSE "t7"."offset_after_seconds"
        END AS "offset_seconds"
      FROM (
        SELECT
          "t82"."customer_id",
          "t82"."event_at",
          "t82"."known_from_at",
          "t82"."orders_count",
          "t82"."returns_count",
          "t82"."cancellations_count",
          "t82"."lines_count",
          "t82"."pieces_count",
          "t82"."revenue_cents",
          "t82"."discount_cents",
          "t82"."discounted_lines_count",
          "t82"."returned_lines_count",
          "t82"."refund_cents",
          "t82"."events_count",
          "t82"."views_count",
          "t82"."carts_count",
          "t82"."cart_removals_count",
          "t82"."wishlists_count",
          "t82"."checkouts_count",
          "t82"."searches_count",
          "t82"."logins_count",
          "t82"."shares_count",
          "t82"."reviews_count",
          "t82"."sessions_count",
          "t82"."contacts_count",
          "t82"."contacts_opened_count",
          "t82"."contacts_clicked_count",
          "t82"."redemptions_count",
          "t82"."feedback_count",
          "t82"."complaints_count",
          "t82"."ratings_count",
          "t82"."rating_permille",
          CAST(FLOOR(
            CAST((
              "t82"."before_second" + "t82"."offset_seconds"
            ) AS DOUBLE PRECISION) / (
              86400
            )
          ) AS BIGINT) + 1 AS "known_from_day",
          CAST(FLOOR(CAST(EXTRACT('epoch' FROM "t82"."event_at") AS DOUBLE PRECISION)) AS BIGINT) AS "second",
          GREATEST(
            -1,
            LEAST(
              47482,
              CAST(FLOOR(
                CAST((
                  CAST(FLOOR(CAST(EXTRACT('epoch' FROM "t82"."event_at") AS DOUBLE PRECISION)) AS BIGINT)
                ) AS DOUBLE PRECISION) / (
                  86400
                )
              ) AS BIGINT)
            )
          ) AS "utc_day"
        FROM (
          SELECT
            "t81"."customer_id",
            "t81"."event_at",
            "t81"."known_from_at",
            "t81"."orders_count",
            "t81"."returns_count",
            "t81"."cancellations_count",
            "t81"."lines_count",
            "t81"."pieces_count",
            "t81"."revenue_cents",
            "t81"."discount_cents",
            "t81"."discounted_lines_count",
            "t81"."returned_lines_count",
            "t81"."refund_cents",
            "t81"."events_count",
            "t81"."views_count",
            "t81"."carts_count",
            "t81"."cart_removals_count",
            "t81"."wishlists_count",
            "t81"."checkouts_count",
            "t81"."searches_count",
            "t81"."logins_count",
            "t81"."shares_count",
            "t81"."reviews_count",
            "t81"."sessions_count",
            "t81"."contacts_count",
            "t81"."contacts_opened_count",
            "t81"."contacts_clicked_count",
            "t81"."redemptions_count",
            "t81"."feedback_count",
            "t81"."complaints_count",
            "t81"."ratings_count",
            "t81"."rating_permille",
            "t81"."before_second",
            CASE
              WHEN "t81"."before_second" < "t8"."changes_at_second"
              THEN "t8"."offset_before_seconds"
              ELSE "t8"."offset_after_seconds"
            END AS "offset_seconds"
          FROM (
            SELECT
              "t79"."customer_id",
              "t79"."event_at",
              "t79"."known_from_at",
              "t79"."orders_count",
              "t79"."returns_count",
              "t79"."cancellations_count",
              "t79"."lines_count",
              "t79"."pieces_count",
              "t79"."revenue_cents",
              "t79"."discount_cents",
              "t79"."discounted_lines_count",
              "t79"."returned_lines_count",
              "t79"."refund_cents",
              "t79"."events_count",
              "t79"."views_count",
              "t79"."carts_count",
              "t79"."cart_removals_count",
              "t79"."wishlists_count",
              "t79"."checkouts_count",
              "t79"."searches_count",
              "t79"."logins_count",
              "t79"."shares_count",
              "t79"."reviews_count",
              "t79"."sessions_count",
              "t79"."contacts_count",
              "t79"."contacts_opened_count",
              "t79"."contacts_clicked_count",
              "t79"."redemptions_count",
              "t79"."feedback_count",
              "t79"."complaints_count",
              "t79"."ratings_count",
              "t79"."rating_permille",
              CAST(CEIL(CAST(EXTRACT('epoch' FROM "t79"."known_from_at") AS DOUBLE PRECISION)) AS BIGINT) - 1 AS "before_second",
              GREATEST(
                -1,
                LEAST(
                  47482,
                  CAST(FLOOR(
                    CAST((
                      CAST(CEIL(CAST(EXTRACT('epoch' FROM "t79"."known_from_at") AS DOUBLE PRECISION)) AS BIGINT) - 1
                    ) AS DOUBLE PRECISION) / (
                      86400
                    )
                  ) AS BIGINT)
                )
              ) AS "utc_day"
            FROM (
              SELECT
                *
              FROM (
                SELECT
                  *
                FROM (
                  SELECT
                    "t54"."customer_id",
                    "t54"."event_at",
                    "t54"."known_from_at",
                    0 AS "orders_count",
                    0 AS "returns_count",
                    0 AS "cancellations_count",
                    0 AS "lines_count",
                    0 AS "pieces_count",
                    0 AS "revenue_cents",
                    0 AS "discount_cents",
                    0 AS "discounted_lines_count",
                    0 AS "returned_lines_count",
                    0 AS "refund_cents",
                    0 AS "events_count",
                    0 AS "views_count",
                    0 AS "carts_count",
                    0 AS "cart_removals_count",
                    0 AS "wishlists_count",
                    0 AS "checkouts_count",
                    0 AS "searches_count",
                    0 AS "logins_count",
                    0 AS "shares_count",
                    0 AS "reviews_count",
                    0 AS "sessions_count",
                    0 AS "contacts_count",
                    0 AS "contacts_opened_count",
                    0 AS "contacts_clicked_count",
                    0 AS "redemptions_count",
                    "t54"."feedback_count",
                    "t54"."complaints_count",
                    "t54"."ratings_count",
                    "t54"."rating_permille"
                  FROM (
                    SELECT
                      "t41"."customer_id",
                      "t41"."event_at",
                      "t41"."known_from_at",
                      SUM("t41"."sign" * 1) AS "feedback_count",
                      SUM("t41"."sign" * CASE WHEN "t41"."kind" = 'complaint' THEN 1 ELSE 0 END) AS "complaints_count",
                      SUM("t41"."sign" * CASE WHEN "t41"."rating_share" IS NOT NULL THEN 1 ELSE 0 END) AS "ratings_count",
                      SUM(
                        "t41"."sign" * CASE
                          WHEN "t41"."rating_share" IS NOT NULL
                          THEN CAST(FLOOR((
                            "t41"."rating_share" * 1000
                          ) + 0.5) AS BIGINT)
                          ELSE 0
                        END
                      ) AS "rating_permille"
                    FROM (
                      SELECT
                        *
                      FROM (
                        SELECT
                          *
                        FROM (
                          SELECT
                            "t9"."feedback_id",
                            "t9"."customer_id",
                            "t9"."event_at",
                            "t9"."kind",
                            "t9"."rating_share",
                            "t9"."product_id",
                            "t9"."comment",
                            1 AS "sign",
                            "t9"."available_at" AS "known_from_at"
                          FROM "curated"."feedback" AS "t9"
                          WHERE
                            EXISTS(
                              SELECT
                                1
                              FROM (
                                SELECT
                                  *
                                FROM "features"."rolled_up" AS "t6"
                                WHERE
                                  "t6"."rollup_id" = 2
                              ) AS "t21"
                              WHERE
                                "t9"."delivery_id" = "t21"."delivery_id"
                            )
                        ) AS "t24"
                        UNION ALL
                        SELECT
                          *
                        FROM (
                          SELECT
                            "t9"."feedback_id",
                            "t9"."customer_id",
                            "t9"."event_at",
                            "t9"."kind",
                            "t9"."rating_share",
                            "t9"."product_id",
                            "t9"."comment",
                            -1 AS "sign",
                            GREATEST("t9"."available_at", "t9"."superseded_at") AS "known_from_at"
                          FROM "curated"."feedback" AS "t9"
                          WHERE
                            EXISTS(
                              SELECT
                                1
                              FROM (
                                SELECT
                                  *
                                FROM "features"."rolled_up" AS "t6"
                                WHERE
                                  "t6"."rollup_id" = 2
                              ) AS "t21"
                              WHERE
                                "t9"."superseded_by" = "t21"."delivery_id"
                            )
                        ) AS "t25"
                      ) AS "t35"
                      WHERE
                        "t35"."customer_id" IS NOT NULL
                    ) AS "t41"
                    GROUP BY
                      1,
                      2,
                      3
                  ) AS "t54"
                ) AS "t62"
                UNION ALL
                SELECT
                  *
                FROM (
                  SELECT
                    "t76"."customer_id",
                    "t76"."event_at",
                    "t76"."known_from_at",
                    0 AS "orders_count",
                    0 AS "returns_count",
                    0 AS "cancellations_count",
                    0 AS "lines_count",
                    0 AS "pieces_count",
                    0 AS "revenue_cents",
                    0 AS "discount_cents",
                    0 AS "discounted_lines_count",
                    0 AS "returned_lines_count",
                    0 AS "refund_cents",
                    0 AS "events_count",
                    0 AS "views_count",
                    0 AS "carts_count",
                    0 AS "cart_removals_count",
                    0 AS "wishlists_count",
                    0 AS "checkouts_count",
                    0 AS "searches_count",
                    0 AS "logins_count",
                    0 AS "shares_count",
                    0 AS "reviews_count",
                    "t76"."sessions_count",
                    0 AS "contacts_count",
                    0 AS "contacts_opened_count",
                    0 AS "contacts_clicked_count",
                    0 AS "redemptions_count",
                    0 AS "feedback_count",
                    0 AS "complaints_count",
                    0 AS "ratings_count",
                    0 AS "rating_permille"
                  FROM (
                    SELECT
                      "t75"."customer_id",
                      "t75"."event_at",
                      "t75"."known_from_at",
                      SUM("t75"."sign") AS "sessions_count"
                    FROM (
                      SELECT
                        *
                      FROM (
                        SELECT
                          *
                        FROM (
                          SELECT
                            "t67"."customer_id",
                            "t67"."event_at",
                            "t67"."known_from_at",
                            1 AS "sign"
                          FROM "t65" AS "t67"
                          WHERE
                            (
                              "t67"."continues_from_at" IS NULL
                            )
                            OR (
                              "t67"."known_from_at" < "t67"."continues_from_at"
                            )
                        ) AS "t69"
                        UNION ALL
                        SELECT
                          *
                        FROM (
                          SELECT
                            "t67"."customer_id",
                            "t67"."event_at",
                            "t67"."continues_from_at" AS "known_from_at",
                            -1 AS "sign"
                          FROM "t65" AS "t67"
                          WHERE
                            (
                              (
                                "t67"."continues_from_at" IS NULL
                              )
                              OR (
                                "t67"."known_from_at" < "t67"."continues_from_at"
                              )
                            )
                            AND "t67"."continues_from_at" IS NOT NULL
                        ) AS "t70"
                      ) AS "t73"
                      UNION ALL
                      SELECT
                        *
                      FROM (
                        SELECT
                          *
                        FROM (
                          SELECT
                            "t68"."customer_id",
                            "t68"."event_at",
                            "t68"."known_from_at",
                            -1 AS "sign"
                          FROM "t66" AS "t68"
                          WHERE
                            (
                              "t68"."continues_from_at" IS NULL
                            )
                            OR (
                              "t68"."known_from_at" < "t68"."continues_from_at"
                            )
                        ) AS "t71"
                        UNION ALL
                        SELECT
                          *
                        FROM (
                          SELECT
                            "t68"."customer_id",
                            "t68"."event_at",
                            "t68"."continues_from_at" AS "known_from_at",
                            1 AS "sign"
                          FROM "t66" AS "t68"
                          WHERE
                            (
                              (
                                "t68"."continues_from_at" IS NULL
                              )
                              OR (
                                "t68"."known_from_at" < "t68"."continues_from_at"
                              )
                            )
                            AND "t68"."continues_from_at" IS NOT NULL
                        ) AS "t72"
                      ) AS "t74"
                    ) AS "t75"
                    GROUP BY
                      1,
                      2,
                      3
                  ) AS "t76"
                ) AS "t77"
              ) AS "t78"
              UNION ALL
              SELECT
                *
              FROM (
                SELECT
                  *
                FROM (
                  SELECT
                    *
                  FROM (
                    SELECT
                      "t48"."customer_id",
                      "t48"."event_at",
                      "t48"."known_from_at",
                      "t48"."orders_count",
                      "t48"."returns_count",
                      "t48"."cancellations_count",
                      0 AS "lines_count",
                      0 AS "pieces_count",
                      0 AS "revenue_cents",
                      0 AS "discount_cents",
                      0 AS "discounted_lines_count",
                      0 AS "returned_lines_count",
                      0 AS "refund_cents",
                      0 AS "events_count",
                      0 AS "views_count",
                      0 AS "carts_count",
                      0 AS "cart_removals_count",
                      0 AS "wishlists_count",
                      0 AS "checkouts_count",
                      0 AS "searches_count",
                      0 AS "logins_count",
                      0 AS "shares_count",
                      0 AS "reviews_count",
                      0 AS "sessions_count",
                      0 AS "contacts_count",
                      0 AS "contacts_opened_count",
                      0 AS "contacts_clicked_count",
                      0 AS "redemptions_count",
                      0 AS "feedback_count",
                      0 AS "complaints_count",
                      0 AS "ratings_count",
                      0 AS "rating_permille"
                    FROM (
                      SELECT
                        "t42"."customer_id",
                        "t42"."event_at",
                        "t42"."known_from_at",
                        SUM("t42"."sign" * CASE WHEN "t42"."kind" = 'purchase' THEN 1 ELSE 0 END) AS "orders_count",
                        SUM("t42"."sign" * CASE WHEN "t42"."kind" = 'return' THEN 1 ELSE 0 END) AS "returns_count",
                        SUM("t42"."sign" * CASE WHEN "t42"."kind" = 'cancellation' THEN 1 ELSE 0 END) AS "cancellations_count"
                      FROM (
                        SELECT
                          *
                        FROM (
                          SELECT
                            *
                          FROM (
                            SELECT
                              "t10"."order_id",
                              "t10"."customer_id",
                              "t10"."event_at",
                              "t10"."kind",
                              "t10"."channel",
                              1 AS "sign",
                              "t10"."available_at" AS "known_from_at"
                            FROM "curated"."orders" AS "t10"
                            WHERE
                              EXISTS(
                                SELECT
                                  1
                                FROM (
                                  SELECT
                                    *
                                  FROM "features"."rolled_up" AS "t6"
                                  WHERE
                                    "t6"."rollup_id" = 2
                                ) AS "t21"
                                WHERE
                                  "t10"."delivery_id" = "t21"."delivery_id"
                              )
                          ) AS "t26"
                          UNION ALL
                          SELECT
                            *
                          FROM (
                            SELECT
                              "t10"."order_id",
                              "t10"."customer_id",
                              "t10"."event_at",
                              "t10"."kind",
                              "t10"."channel",
                              -1 AS "sign",
                              GREATEST("t10"."available_at", "t10"."superseded_at") AS "known_from_at"
                            FROM "curated"."orders" AS "t10"
                            WHERE
                              EXISTS(
                                SELECT
                                  1
                                FROM (
                                  SELECT
                                    *
                                  FROM "features"."rolled_up" AS "t6"
                                  WHERE
                                    "t6"."rollup_id" = 2
                                ) AS "t21"
                                WHERE
                                  "t10"."superseded_by" = "t21"."delivery_id"
                              )
                          ) AS "t27"
                        ) AS "t36"
                        WHERE
                          "t36"."customer_id" IS NOT NULL
                      ) AS "t42"
                      GROUP BY
                        1,
                        2,
                        3
                    ) AS "t48"
                  ) AS "t55"
                  UNION ALL
                  SELECT
                    *
                  FROM (
                    SELECT
                      "t53"."customer_id",
                      "t53"."event_at",
                      "t53"."known_from_at",
                      0 AS "orders_count",
                      0 AS "returns_count",
                      0 AS "cancellations_count",
                      "t53"."lines_count",
                      "t53"."pieces_count",
                      "t53"."revenue_cents",
                      "t53"."discount_cents",
                      "t53"."discounted_lines_count",
                      "t53"."returned_lines_count",
                      "t53"."refund_cents",
                      0 AS "events_count",
                      0 AS "views_count",
                      0 AS "carts_count",
                      0 AS "cart_removals_count",
                      0 AS "wishlists_count",
                      0 AS "checkouts_count",
                      0 AS "searches_count",
                      0 AS "logins_count",
                      0 AS "shares_count",
                      0 AS "reviews_count",
                      0 AS "sessions_count",
                      0 AS "contacts_count",
                      0 AS "contacts_opened_count",
                      0 AS "contacts_clicked_count",
                      0 AS "redemptions_count",
                      0 AS "feedback_count",
                      0 AS "complaints_count",
                      0 AS "ratings_count",
                      0 AS "rating_permille"
                    FROM (
                      SELECT
                        "t43"."customer_id",
                        "t43"."event_at",
                        "t43"."known_from_at",
                        SUM("t43"."sign" * CASE WHEN "t43"."kind" = 'sale' THEN 1 ELSE 0 END) AS "lines_count",
                        SUM("t43"."sign" * CASE WHEN "t43"."kind" = 'sale' THEN "t43"."quantity" ELSE 0 END) AS "pieces_count",
                        SUM(
                          "t43"."sign" * CASE WHEN "t43"."kind" = 'sale' THEN "t43"."line_amount_cents" ELSE 0 END
                        ) AS "revenue_cents",
                        SUM(
                          "t43"."sign" * CASE WHEN "t43"."kind" = 'sale' THEN "t43"."discount_cents" ELSE 0 END
                        ) AS "discount_cents",
                        SUM(
                          "t43"."sign" * CASE
                            WHEN (
                              "t43"."kind" = 'sale'
                            ) AND (
                              "t43"."discount_cents" > 0
                            )
                            THEN 1
                            ELSE 0
                          END
                        ) AS "discounted_lines_count",
                        SUM(
                          "t43"."sign" * CASE WHEN "t43"."kind" IN ('return', 'cancellation') THEN 1 ELSE 0 END
                        ) AS "returned_lines_count",
                        SUM(
                          "t43"."sign" * CASE
                            WHEN "t43"."kind" IN ('return', 'cancellation')
                            THEN -(
                              "t43"."line_amount_cents"
                            )
                            ELSE 0
                          END
                        ) AS "refund_cents"
                      FROM (
                        SELECT
                          *
                        FROM (
                          SELECT
                            *
                          FROM (
                            SELECT
                              "t11"."order_id",
                              "t11"."product_id",
                              "t11"."occurrence",
                              "t11"."customer_id",
                              "t11"."event_at",
                              "t11"."kind",
                              "t11"."quantity",
                              "t11"."unit_price_cents",
                              "t11"."line_amount_cents",
                              "t11"."discount_cents",
                              1 AS "sign",
                              "t11"."available_at" AS "known_from_at"
                            FROM "curated"."order_lines" AS "t11"
                            WHERE
                              EXISTS(
                                SELECT
                                  1
                                FROM (
                                  SELECT
                                    *
                                  FROM "features"."rolled_up" AS "t6"
                                  WHERE
                                    "t6"."rollup_id" = 2
                                ) AS "t21"
                                WHERE
                                  "t11"."delivery_id" = "t21"."delivery_id"
                              )
                          ) AS "t28"
                          UNION ALL
                          SELECT
                            *
                          FROM (
                            SELECT
                              "t11"."order_id",
                              "t11"."product_id",
                              "t11"."occurrence",
                              "t11"."customer_id",
                              "t11"."event_at",
                              "t11"."kind",
                              "t11"."quantity",
                              "t11"."unit_price_cents",
                              "t11"."line_amount_cents",
                              "t11"."discount_cents",
                              -1 AS "sign",
                              GREATEST("t11"."available_at", "t11"."superseded_at") AS "known_from_at"
                            FROM "curated"."order_lines" AS "t11"
                            WHERE
                              EXISTS(
                                SELECT
                                  1
                                FROM (
                                  SELECT
                                    *
                                  FROM "features"."rolled_up" AS "t6"
                                  WHERE
                                    "t6"."rollup_id" = 2
                                ) AS "t21"
                                WHERE
                                  "t11"."superseded_by" = "t21"."delivery_id"
                              )
                          ) AS "t29"
                        ) AS "t37"
                        WHERE
                          "t37"."customer_id" IS NOT NULL
                      ) AS "t43"
                      GROUP BY
                        1,
                        2,
                        3
                    ) AS "t53"
                  ) AS "t58"
                ) AS "t63"
                UNION ALL
                SELECT
                  *
                FROM (
                  SELECT
                    *
                  FROM (
                    SELECT
                      "t49"."customer_id",
                      "t49"."event_at",
                      "t49"."known_from_at",
                      0 AS "orders_count",
                      0 AS "returns_count",
                      0 AS "cancellations_count",
                      0 AS "lines_count",
                      0 AS "pieces_count",
                      0 AS "revenue_cents",
                      0 AS "discount_cents",
                      0 AS "discounted_lines_count",
                      0 AS "returned_lines_count",
                      0 AS "refund_cents",
                      "t49"."events_count",
                      "t49"."views_count",
                      "t49"."carts_count",
                      "t49"."cart_removals_count",
                      "t49"."wishlists_count",
                      "t49"."checkouts_count",
                      "t49"."searches_count",
                      "t49"."logins_count",
                      "t49"."shares_count",
                      "t49"."reviews_count",
                      0 AS "sessions_count",
                      0 AS "contacts_count",
                      0 AS "contacts_opened_count",
                      0 AS "contacts_clicked_count",
                      0 AS "redemptions_count",
                      0 AS "feedback_count",
                      0 AS "complaints_count",
                      0 AS "ratings_count",
                      0 AS "rating_permille"
                    FROM (
                      SELECT
                        "t44"."customer_id",
                        "t44"."event_at",
                        "t44"."known_from_at",
                        SUM("t44"."sign" * 1) AS "events_count",
                        SUM("t44"."sign" * CASE WHEN "t44"."event_type" = 'view' THEN 1 ELSE 0 END) AS "views_count",
                        SUM("t44"."sign" * CASE WHEN "t44"."event_type" = 'cart' THEN 1 ELSE 0 END) AS "carts_count",
                        SUM(
                          "t44"."sign" * CASE WHEN "t44"."event_type" = 'remove_from_cart' THEN 1 ELSE 0 END
                        ) AS "cart_removals_count",
                        SUM("t44"."sign" * CASE WHEN "t44"."event_type" = 'wishlist' THEN 1 ELSE 0 END) AS "wishlists_count",
                        SUM("t44"."sign" * CASE WHEN "t44"."event_type" = 'purchase' THEN 1 ELSE 0 END) AS "checkouts_count",
                        SUM("t44"."sign" * CASE WHEN "t44"."event_type" = 'search' THEN 1 ELSE 0 END) AS "searches_count",
                        SUM("t44"."sign" * CASE WHEN "t44"."event_type" = 'login' THEN 1 ELSE 0 END) AS "logins_count",
                        SUM("t44"."sign" * CASE WHEN "t44"."event_type" = 'share' THEN 1 ELSE 0 END) AS "shares_count",
                        SUM("t44"."sign" * CASE WHEN "t44"."event_type" = 'review' THEN 1 ELSE 0 END) AS "reviews_count"
                      FROM (
                        SELECT
                          *
                        FROM (
                          SELECT
                            *
                          FROM (
                            SELECT
                              "t12"."customer_id",
                              "t12"."event_at",
                              "t12"."event_type",
                              "t12"."product_id",
                              "t12"."session_id",
                              "t12"."detail",
                              1 AS "sign",
                              "t12"."available_at" AS "known_from_at"
                            FROM "curated"."events" AS "t12"
                            WHERE
                              EXISTS(
                                SELECT
                                  1
                                FROM (
                                  SELECT
                                    *
                                  FROM "features"."rolled_up" AS "t6"
                                  WHERE
                                    "t6"."rollup_id" = 2
                                ) AS "t21"
                                WHERE
                                  "t12"."delivery_id" = "t21"."delivery_id"
                              )
                          ) AS "t30"
                          UNION ALL
                          SELECT
                            *
                          FROM (
                            SELECT
                              "t12"."customer_id",
                              "t12"."event_at",
                              "t12"."event_type",
                              "t12"."product_id",
                              "t12"."session_id",
                              "t12"."detail",
                              -1 AS "sign",
                              GREATEST("t12"."available_at", "t12"."superseded_at") AS "known_from_at"
                            FROM "curated"."events" AS "t12"
                            WHERE
                              EXISTS(
                                SELECT
                                  1
                                FROM (
                                  SELECT
                                    *
                                  FROM "features"."rolled_up" AS "t6"
                                  WHERE
                                    "t6"."rollup_id" = 2
                                ) AS "t21"
                                WHERE
                                  "t12"."superseded_by" = "t21"."delivery_id"
                              )
                          ) AS "t31"
                        ) AS "t38"
                        WHERE
                          "t38"."customer_id" IS NOT NULL
                      ) AS "t44"
                      GROUP BY
                        1,
                        2,
                        3
                    ) AS "t49"
                  ) AS "t56"
                  UNION ALL
                  SELECT
                    *
                  FROM (
                    SELECT
                      "t50"."customer_id",
                      "t50"."event_at",
                      "t50"."known_from_at",
                      0 AS "orders_count",
                      0 AS "returns_count",
                      0 AS "cancellations_count",
                      0 AS "lines_count",
                      0 AS "pieces_count",
                      0 AS "revenue_cents",
                      0 AS "discount_cents",
                      0 AS "discounted_lines_count",
                      0 AS "returned_lines_count",
                      0 AS "refund_cents",
                      0 AS "events_count",
                      0 AS "views_count",
                      0 AS "carts_count",
                      0 AS "cart_removals_count",
                      0 AS "wishlists_count",
                      0 AS "checkouts_count",
                      0 AS "searches_count",
                      0 AS "logins_count",
                      0 AS "shares_count",
                      0 AS "reviews_count",
                      0 AS "sessions_count",
                      "t50"."contacts_count",
                      "t50"."contacts_opened_count",
                      "t50"."contacts_clicked_count",
                      "t50"."redemptions_count",
                      0 AS "feedback_count",
                      0 AS "complaints_count",
                      0 AS "ratings_count",
                      0 AS "rating_permille"
                    FROM (
                      SELECT
                        "t45"."customer_id",
                        "t45"."event_at",
                        "t45"."known_from_at",
                        SUM("t45"."sign" * CASE WHEN "t45"."kind" = 'sent' THEN 1 ELSE 0 END) AS "contacts_count",
                        SUM("t45"."sign" * CASE WHEN "t45"."kind" = 'opened' THEN 1 ELSE 0 END) AS "contacts_opened_count",
                        SUM("t45"."sign" * CASE WHEN "t45"."kind" = 'clicked' THEN 1 ELSE 0 END) AS "contacts_clicked_count",
                        SUM("t45"."sign" * CASE WHEN "t45"."kind" = 'redeemed' THEN 1 ELSE 0 END) AS "redemptions_count"
                      FROM (
                        SELECT
                          *
                        FROM (
                          SELECT
                            *
                          FROM (
                            SELECT
                              "t13"."campaign_id",
                              "t13"."customer_id",
                              "t13"."event_at",
                              "t13"."kind",
                              "t13"."campaign_type",
                              "t13"."product_id",
                              1 AS "sign",
                              "t13"."available_at" AS "known_from_at"
                            FROM "curated"."campaign_contacts" AS "t13"
                            WHERE
                              EXISTS(
                                SELECT
                                  1
                                FROM (
                                  SELECT
                                    *
                                  FROM "features"."rolled_up" AS "t6"
                                  WHERE
                                    "t6"."rollup_id" = 2
                                ) AS "t21"
                                WHERE
                                  "t13"."delivery_id" = "t21"."delivery_id"
                              )
                          ) AS "t32"
                          UNION ALL
                          SELECT
                            *
                          FROM (
                            SELECT
                              "t13"."campaign_id",
                              "t13"."customer_id",
                              "t13"."event_at",
                              "t13"."kind",
                              "t13"."campaign_type",
                              "t13"."product_id",
                              -1 AS "sign",
                              GREATEST("t13"."available_at", "t13"."superseded_at") AS "known_from_at"
                            FROM "curated"."campaign_contacts" AS "t13"
                            WHERE
                              EXISTS(
                                SELECT
                                  1
                                FROM (
                                  SELECT
                                    *
                                  FROM "features"."rolled_up" AS "t6"
                                  WHERE
                                    "t6"."rollup_id" = 2
                                ) AS "t21"
                                WHERE
                                  "t13"."superseded_by" = "t21"."delivery_id"
                              )
                          ) AS "t33"
                        ) AS "t39"
                        WHERE
                          "t39"."customer_id" IS NOT NULL
                      ) AS "t45"
                      GROUP BY
                        1,
                        2,
                        3
                    ) AS "t50"
                  ) AS "t57"
                ) AS "t59"
              ) AS "t64"
            ) AS "t79"
          ) AS "t81"
          INNER JOIN "features"."calendar" AS "t8"
            ON "t81"."utc_day" = "t8"."utc_day"
        ) AS "t82"
      ) AS "t84"
      INNER JOIN "features"."calendar" AS "t7"
        ON "t84"."utc_day" = "t7"."utc_day"
    ) AS "t85"
  ) AS "t86"
  GROUP BY
    1,
    2,
    3
) AS "t87"
WHERE
  (
    "t87"."orders_count" <> 0
  )
  OR (
    "t87"."orders_night_count" <> 0
  )
  OR (
    "t87"."orders_morning_count" <> 0
  )
  OR (
    "t87"."orders_afternoon_count" <> 0
  )
  OR (
    "t87"."orders_evening_count" <> 0
  )
  OR (
    "t87"."returns_count" <> 0
  )
  OR (
    "t87"."cancellations_count" <> 0
  )
  OR (
    "t87"."lines_count" <> 0
  )
  OR (
    "t87"."pieces_count" <> 0
  )
  OR (
    "t87"."revenue_cents" <> 0
  )
  OR (
    "t87"."discount_cents" <> 0
  )
  OR (
    "t87"."discounted_lines_count" <> 0
  )
  OR (
    "t87"."returned_lines_count" <> 0
  )
  OR (
    "t87"."refund_cents" <> 0
  )
  OR (
    "t87"."events_count" <> 0
  )
  OR (
    "t87"."views_count" <> 0
  )
  OR (
    "t87"."carts_count" <> 0
  )
  OR (
    "t87"."cart_removals_count" <> 0
  )
  OR (
    "t87"."wishlists_count" <> 0
  )
  OR (
    "t87"."checkouts_count" <> 0
  )
  OR (
    "t87"."searches_count" <> 0
  )
  OR (
    "t87"."logins_count" <> 0
  )
  OR (
    "t87"."shares_count" <> 0
  )
  OR (
    "t87"."reviews_count" <> 0
  )
  OR (
    "t87"."sessions_count" <> 0
  )
  OR (
    "t87"."contacts_count" <> 0
  )
  OR (
    "t87"."contacts_opened_count" <> 0
  )
  OR (
    "t87"."contacts_clicked_count" <> 0
  )
  OR (
    "t87"."redemptions_count" <> 0
  )
  OR (
    "t87"."feedback_count" <> 0
  )
  OR (
    "t87"."complaints_count" <> 0
  )
  OR (
    "t87"."ratings_count" <> 0
  )
  OR (
    "t87"."rating_permille" <> 0
  )
