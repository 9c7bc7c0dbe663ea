"""Threads to predict with, and where tables of trees are kept: matters of the machine, not of the model.

No model's file names them.
"""

from dataclasses import replace
from pathlib import Path

from retention_ml.models.predictors.blend import Blend
from retention_ml.models.predictors.paced import Paced
from retention_ml.models.predictors.predictor import Predictor
from retention_ml.models.predictors.trees import Trees


def with_threads(predictor: Predictor, threads: int, tables: Path | None = None) -> Predictor:
    """The predictor, the trees in it set to that many threads; results do not depend on it.

    Their tables are kept in the folder `tables` (see `Forest.cached`), in memory alone without one.
    """
    match predictor:
        case Trees():
            return replace(predictor, threads=threads, tables=tables)
        case Paced():
            inner = with_threads(predictor.inner, threads, tables)
            assert isinstance(inner, Trees)
            return replace(predictor, inner=inner)
        case Blend():
            members = tuple(
                replace(member, predictor=with_threads(member.predictor, threads, tables))
                for member in predictor.members
            )
            return replace(predictor, members=members, tables=tables)
    return predictor
