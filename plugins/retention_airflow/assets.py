"""One asset per hand-over, in the order of the flow. The partition key of an event is the day.

An event says what it hands over: `rows`, `digest`, `snapshot`, `version` and `report`, an address.
What does not apply is left out.
"""

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Asset, AssetWatcher

from retention_airflow.aliases import AliasTrigger
from retention_airflow.clock import as_of
from retention_airflow.defaults import INBOX_FOLDER, MLFLOW_ADDRESS, SOURCES_FOLDER
from retention_airflow.inbox import InboxTrigger
from retention_airflow.runs import addresses

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


_DIGESTS = ("scores_digest", "features_digest", "profiles_digest", "lists_digest", "bundle_sha256")
_VERSIONS = ("model", "model_version", "method")


def hand_over(asset: Asset, *receipts: Mapping[str, Any]) -> dict[str, Any]:
    """Hand an asset over for the day of the run; called within a task that has it as an outlet.

    Parameters
    ----------
    asset : Asset
    receipts : mapping of str to object
        Of the doors that made it, as plain values; the last one is returned.
    """
    from airflow.sdk import get_current_context

    day = as_of()
    event = get_current_context()["outlet_events"][asset]
    event.add_partitions(day.isoformat())
    event.extra = contents(*receipts) | {"report": addresses.page_of_day(day)}
    return dict(receipts[-1])


def contents(*receipts: Mapping[str, Any]) -> dict[str, Any]:
    """What is handed over, as the receipts of the doors that made it say it.

    The rows are those of the last door that counts any, of all its receipts; those of a repetition
    count as they did the first time.

    Examples
    --------
    >>> made = {"snapshot_id": 7, "scores_digest": "ab12", "model": "rfm_logistic v3"}
    >>> published = {"door": "publish", "written": 0, "duplicates": 2325, "is_repeat": True}
    >>> contents(made, published)
    {'rows': 2325, 'digest': 'ab12', 'snapshot': 7, 'version': 'rfm_logistic v3'}
    """
    values = {name: value for each in receipts for name, value in each.items() if value is not None}
    counts = [one for one in receipts if "written" in one]
    rows = [
        one["duplicates"] if one.get("is_repeat") else one["written"]
        for one in counts
        if one.get("door") == counts[-1].get("door")
    ]
    named = {
        "rows": sum(rows) if rows else None,
        "digest": next((values[name] for name in _DIGESTS if name in values), None),
        "snapshot": values.get("snapshot_id"),
        "version": next((values[name] for name in _VERSIONS if name in values), None),
    }
    return {name: value for name, value in named.items() if value is not None}
