SELECT
  "t14"."product_id",
  "t14"."category",
  "t14"."known_from_day",
  "t14"."versions_count",
  2 AS "rollup_id"
FROM (
  SELECT
    "t13"."product_id",
    "t13"."category",
    "t13"."known_from_day",
    SUM("t13"."sign") AS "versions_count"
  FROM (
    SELECT
      "t12"."product_id",
      "t12"."name",
      "t12"."category",
      "t12"."subcategory",
      "t12"."brand",
      "t12"."sign",
      "t12"."known_from_at",
      CAST(FLOOR((
        "t12"."before_second" + "t12"."offset_seconds"
      ) / (
        86400
      )) AS BIGINT) + 1 AS "known_from_day"
    FROM (
      SELECT
        "t11"."product_id",
        "t11"."name",
        "t11"."category",
        "t11"."subcategory",
        "t11"."brand",
        "t11"."sign",
        "t11"."known_from_at",
        "t11"."before_second",
        CASE
          WHEN "t11"."before_second" < "t3"."changes_at_second"
          THEN "t3"."offset_before_seconds"
          ELSE "t3"."offset_after_seconds"
        END AS "offset_seconds"
      FROM (
        SELECT
          "t9"."product_id",
          "t9"."name",
          "t9"."category",
          "t9"."subcategory",
          "t9"."brand",
          "t9"."sign",
          "t9"."known_from_at",
          CAST(CEIL(CAST(EPOCH(CAST("t9"."known_from_at" AS TIMESTAMP)) AS DOUBLE)) AS BIGINT) - 1 AS "before_second",
          GREATEST(
            -1,
            LEAST(
              47482,
              CAST(FLOOR(
                (
                  CAST(CEIL(CAST(EPOCH(CAST("t9"."known_from_at" AS TIMESTAMP)) AS DOUBLE)) AS BIGINT) - 1
                ) / (
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
              "t4"."product_id",
              "t4"."name",
              "t4"."category",
              "t4"."subcategory",
              "t4"."brand",
              1 AS "sign",
              "t4"."available_at" AS "known_from_at"
            FROM "curated"."products" AS "t4"
            SEMI JOIN (
              SELECT
                *
              FROM "features"."rolled_up" AS "t2"
              WHERE
                "t2"."rollup_id" = 2
            ) AS "t6"
              ON "t4"."delivery_id" = "t6"."delivery_id"
          ) AS "t7"
          UNION ALL
          SELECT
            *
          FROM (
            SELECT
              "t4"."product_id",
              "t4"."name",
              "t4"."category",
              "t4"."subcategory",
              "t4"."brand",
              -1 AS "sign",
              GREATEST("t4"."available_at", "t4"."superseded_at") AS "known_from_at"
            FROM "curated"."products" AS "t4"
            SEMI JOIN (
              SELECT
                *
              FROM "features"."rolled_up" AS "t2"
              WHERE
                "t2"."rollup_id" = 2
            ) AS "t6"
              ON "t4"."superseded_by" = "t6"."delivery_id"
          ) AS "t8"
        ) AS "t9"
        WHERE
          "t9"."category" IS NOT NULL
      ) AS "t11"
      INNER JOIN "features"."calendar" AS "t3"
        ON "t11"."utc_day" = "t3"."utc_day"
    ) AS "t12"
  ) AS "t13"
  GROUP BY
    1,
    2,
    3
) AS "t14"
WHERE
  "t14"."versions_count" <> 0
