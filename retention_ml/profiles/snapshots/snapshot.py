"""The profiles of a day in the database: which rows go into which table."""

from retention_ml.publication.publish import Words
from retention_ml.publication.snapshots import Snapshots

SNAPSHOTS = Snapshots(
    schema="profiles",
    tables={
        "customers": "profiles.customer_daily",
        "stages": "profiles.stage_daily",
        "transitions": "profiles.transitions",
        "cohorts": "profiles.cohorts",
        "survival": "profiles.survival",
        "funnel": "profiles.funnel",
        "value": "profiles.customer_value",
        "value_total": "profiles.value_daily",
        "personas": "profiles.personas",
        "forecasts": "profiles.forecasts",
    },
    of_day=(
        *("customers", "stages", "transitions", "cohorts", "survival", "funnel"),
        *("value", "value_total", "personas", "forecasts"),
    ),
)
WORDS = Words(content="profiles", command="retention profile")
