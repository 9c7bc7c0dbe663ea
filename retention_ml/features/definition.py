"""What the columns of a stored day mean, as one digest: days with the same may be compared."""

import hashlib
import json

from retention_ml.features.catalogue import CATALOGUE, VERSION
from retention_ml.features.engines import duckdb_sql
from retention_ml.feedback.label import labels_sha256
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

# The version whose definitions were, before they had a version, named by their generated SQL.
_VERSION_OF_SQL = 1
_HAS_OTHERS = "SELECT EXISTS (SELECT FROM features.builds WHERE catalogue_sha256 <> :digest)"


def definition_sha256(settings: Settings) -> str:
    """The digest of everything that decides what the feature columns mean.

    That is the version and the columns of the catalogue, the shop's calendar, who counts as
    active, and the words that tell what a message is about. Names of families, wordings and the SQL that a library generates are no part of it.
    """
    definition = {
        "version": VERSION,
        "features": sorted((each.name, each.unit, each.window_days) for each in CATALOGUE),
        "timezone": settings.calendar.timezone,
        "active_days": settings.churn.active_days,
        "labels": labels_sha256(settings),
    }
    return hashlib.sha256(json.dumps(definition).encode()).hexdigest()


def rename_digests_of_sql(warehouse: Warehouse, settings: Settings) -> None:
    """Name builds that were named by their SQL as builds of the same definition are named now.

    So that they stay comparable and need not be made again. Nothing is renamed once the version
    has been raised: they mean something else then.
    """
    if VERSION != _VERSION_OF_SQL:
        return
    digest = definition_sha256(settings)
    with warehouse.transaction() as transaction:
        # Every door that reads features comes by, and generating the SQL takes seconds.
        [(has_others,)] = transaction.execute(_HAS_OTHERS, digest=digest)
        if not has_others:
            return
        text = f"{settings.calendar.timezone}\n{duckdb_sql(settings.churn.active_days)}"
        transaction.execute(
            "UPDATE features.builds SET catalogue_sha256 = :digest WHERE catalogue_sha256 = :former",
            digest=digest,
            former=hashlib.sha256(text.encode()).hexdigest(),
        )
