"""Finished predictions on disk, one file per day and recipe, so that a killed run goes on."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from retention_ml.atomic_files import replacing
from retention_ml.labels.definition import churn_definition
from retention_ml.models.backtest.code_digest import code_digest
from retention_ml.models.backtest.contenders import Recipe
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Floats

_ABOUT = b"backtest"


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedPredictions:
    """The predictions of one model on one day.

    Parameters
    ----------
    customers : pa.ChunkedArray of string, shape (n,)
    probability : array of float64, shape (n,)
    about : mapping
        `seconds` of the fit, `params`, `notes`, `rows_count` and `days` trained on.
    """

    customers: pa.ChunkedArray
    probability: Floats
    about: Mapping[str, Any]


def path_of(
    settings: Settings, recipe: Recipe, as_of: date, training_digest: str, features_digest: str
) -> Path:
    """Where the predictions of a recipe for a day are stored.

    The name holds a digest of everything that decides them: churn definition, training settings,
    the training data, the features, the recipe and its code.
    """
    training = settings.training.model_dump(
        mode="json", exclude={"every_days", "bootstrap_draws", "candidates", "evaluation_count"}
    )
    decisive = {
        "as_of": str(as_of),
        "definition": churn_definition(settings).canonical,
        "training": training,
        "training_data": training_digest,
        "features": features_digest,
        "recipe": repr(recipe),
        "code": code_digest(recipe.module),
    }
    key = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]
    folder = settings.home / "backtests" / churn_definition(settings).hash
    return folder / f"{as_of}_{recipe.name}_{key}.parquet"


def write(
    path: Path, customers: pa.ChunkedArray, probability: Floats, about: Mapping[str, Any]
) -> None:
    """Write predictions, see `CachedPredictions`; the file appears complete or not at all."""
    table = pa.table({"customer_id": customers, "probability": probability})
    with replacing(path) as draft:
        pq.write_table(table.replace_schema_metadata({_ABOUT: json.dumps(about)}), draft)


def read(path: Path) -> CachedPredictions:
    """Finished predictions."""
    table = pq.read_table(path)
    return CachedPredictions(
        customers=table["customer_id"],
        probability=table["probability"].to_numpy(),
        about=json.loads(table.schema.metadata[_ABOUT]),
    )
