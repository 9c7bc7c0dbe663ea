WITH "t10" AS (
  SELECT
    *
  FROM (
    SELECT
      "t3"."order_id",
      "t3"."product_id",
      "t3"."occurrence",
      "t3"."customer_id",
      "t3"."event_at",
      "t3"."kind",
      "t3"."quantity",
      "t3"."unit_price_cents",
      "t3"."line_amount_cents",
      "t3"."discount_cents",
      1 AS "sign",
      "t3"."available_at" AS "known_from_at"
    FROM "curated"."order_lines" AS "t3"
    SEMI JOIN (
      SELECT
        *
      FROM "features"."rolled_up" AS "t2"
      WHERE
        "t2"."rollup_id" = 2
    ) AS "t7"
      ON "t3"."delivery_id" = "t7"."delivery_id"
  ) AS "t8"
  UNION ALL
  SELECT
    *
  FROM (
    SELECT
      "t3"."order_id",
      "t3"."product_id",
      "t3"."occurrence",
      "t3"."customer_id",
      "t3"."event_at",
      "t3"."kind",
      "t3"."quantity",
      "t3"."unit_price_cents",
      "t3"."line_amount_cents",
      "t3"."discount_cents",
      -1 AS "sign",
      GREATEST("t3"."available_at", "t3"."superseded_at") AS "known_from_at"
    FROM "curated"."order_lines" AS "t3"
    SEMI JOIN (
      SELECT
        *
      FROM "features"."rolled_up" AS "t2"
      WHERE
        "t2"."rollup_id" = 2
    ) AS "t7"
      ON "t3"."superseded_by" = "t7"."delivery_id"
  ) AS "t9"
)
SELECT
  "t25"."customer_id",
  "t25"."product_id",
  "t25"."event_day",
  "t25"."known_from_day",
  "t25"."lines_count",
  "t25"."pieces_count",
  2 AS "rollup_id"
FROM (
  SELECT
    "t24"."customer_id",
    "t24"."product_id",
    "t24"."event_day",
    "t24"."known_from_day",
    SUM("t24"."sign") AS "lines_count",
    SUM("t24"."sign" * "t24"."quantity") AS "pieces_count"
  FROM (
    SELECT
      "t14"."order_id",
      "t14"."product_id",
      "t14"."occurrence",
      "t14"."customer_id",
      "t14"."event_at",
      "t14"."kind",
      "t14"."quantity",
      "t14"."unit_price_cents",
      "t14"."line_amount_cents",
      "t14"."discount_cents",
      "t14"."sign",
      "t14"."known_from_at",
      "t23"."known_from_day",
      "t23"."event_day",
      "t23"."day_second"
    FROM (
      SELECT
        *
      FROM "t10" AS "t11"
      WHERE
        "t11"."customer_id" IS NOT NULL
        AND "t11"."kind" = 'sale'
        AND "t11"."product_id" IS NOT NULL
    ) AS "t14"
    INNER JOIN (
      SELECT
        "t21"."event_at",
        "t21"."known_from_at",
        "t21"."known_from_day",
        CAST(FLOOR((
          "t21"."second" + "t21"."offset_seconds"
        ) / (
          86400
        )) AS BIGINT) AS "event_day",
        (
          "t21"."second" + "t21"."offset_seconds"
        ) % 86400 AS "day_second"
      FROM (
        SELECT
          "t20"."event_at",
          "t20"."known_from_at",
          "t20"."known_from_day",
          "t20"."second",
          CASE
            WHEN "t20"."second" < "t4"."changes_at_second"
            THEN "t4"."offset_before_seconds"
            ELSE "t4"."offset_after_seconds"
          END AS "offset_seconds"
        FROM (
          SELECT
            "t18"."event_at",
            "t18"."known_from_at",
            CAST(FLOOR((
              "t18"."before_second" + "t18"."offset_seconds"
            ) / (
              86400
            )) AS BIGINT) + 1 AS "known_from_day",
            CAST(FLOOR(CAST(EPOCH(CAST("t18"."event_at" AS TIMESTAMP)) AS DOUBLE)) AS BIGINT) AS "second",
            GREATEST(
              -1,
              LEAST(
                47482,
                CAST(FLOOR(
                  (
                    CAST(FLOOR(CAST(EPOCH(CAST("t18"."event_at" AS TIMESTAMP)) AS DOUBLE)) AS BIGINT)
                  ) / (
                    86400
                  )
                ) AS BIGINT)
              )
            ) AS "utc_day"
          FROM (
            SELECT
              "t17"."event_at",
              "t17"."known_from_at",
              "t17"."before_second",
              CASE
                WHEN "t17"."before_second" < "t5"."changes_at_second"
                THEN "t5"."offset_before_seconds"
                ELSE "t5"."offset_after_seconds"
              END AS "offset_seconds"
            FROM (
              SELECT
                "t15"."event_at",
                "t15"."known_from_at",
                "t15"."before_second",
                GREATEST(-1, LEAST(47482, CAST(FLOOR((
                  "t15"."before_second"
                ) / (
                  86400
                )) AS BIGINT))) AS "utc_day"
              FROM (
                SELECT
                  "t13"."event_at",
                  "t13"."known_from_at",
                  CAST(CEIL(CAST(EPOCH(CAST("t13"."known_from_at" AS TIMESTAMP)) AS DOUBLE)) AS BIGINT) - 1 AS "before_second"
                FROM (
                  SELECT DISTINCT
                    "t11"."event_at",
                    "t11"."known_from_at"
                  FROM "t10" AS "t11"
                  WHERE
                    "t11"."customer_id" IS NOT NULL
                    AND "t11"."kind" = 'sale'
                    AND "t11"."product_id" IS NOT NULL
                ) AS "t13"
              ) AS "t15"
            ) AS "t17"
            INNER JOIN "features"."calendar" AS "t5"
              ON "t17"."utc_day" = "t5"."utc_day"
          ) AS "t18"
        ) AS "t20"
        INNER JOIN "features"."calendar" AS "t4"
          ON "t20"."utc_day" = "t4"."utc_day"
      ) AS "t21"
    ) AS "t23"
      ON "t14"."event_at" = "t23"."event_at"
      AND "t14"."known_from_at" = "t23"."known_from_at"
  ) AS "t24"
  GROUP BY
    1,
    2,
    3,
    4
) AS "t25"
WHERE
  (
    "t25"."lines_count" <> 0
  ) OR (
    "t25"."pieces_count" <> 0
  )
