"""One asset per hand-over, in the order of the flow. The partition key of an event is the day."""

from airflow.sdk import Asset, AssetWatcher

from retention_airflow.aliases import AliasTrigger
from retention_airflow.defaults import INBOX_FOLDER, MLFLOW_ADDRESS, SOURCES_FOLDER
from retention_airflow.inbox import InboxTrigger

INBOX = Asset(
    "inbox",
    uri="x-retention://inbox",
    group="source",
    watchers=[
        AssetWatcher(
            name="inbox", trigger=InboxTrigger(folder=INBOX_FOLDER, sources=SOURCES_FOLDER)
        )
    ],
)
CURATED = Asset("curated", uri="x-retention://curated", group="table")
FEATURES = Asset(
    "features.customer_daily", uri="x-retention://features/customer_daily", group="table"
)
ALIASES = Asset(
    "mlflow.aliases",
    uri="x-retention://mlflow/aliases",
    group="model",
    watchers=[AssetWatcher(name="aliases", trigger=AliasTrigger(address=MLFLOW_ADDRESS))]
    if MLFLOW_ADDRESS
    else [],
)
CHAMPION = Asset("models.champion", uri="x-retention://models/champion", group="model")
LISTS = Asset(
    "recommendations.customer_daily",
    uri="x-retention://recommendations/customer_daily",
    group="table",
)
PROFILES = Asset(
    "profiles.customer_daily", uri="x-retention://profiles/customer_daily", group="table"
)
SCORES = Asset("scores.customer_daily", uri="x-retention://scores/customer_daily", group="table")
