"""Threads to predict with: a matter of the machine, so no model's file names a number."""

from dataclasses import replace

from retention_ml.models.predictors.blend import Blend
from retention_ml.models.predictors.paced import Paced
from retention_ml.models.predictors.predictor import Predictor
from retention_ml.models.predictors.trees import Trees


def with_threads(predictor: Predictor, threads: int) -> Predictor:
    """The predictor, the trees in it set to that many threads; results do not depend on it."""
    match predictor:
        case Trees():
            return replace(predictor, threads=threads)
        case Paced():
            return replace(predictor, inner=replace(predictor.inner, threads=threads))
        case Blend():
            members = tuple(
                replace(member, predictor=with_threads(member.predictor, threads))
                for member in predictor.members
            )
            return replace(predictor, members=members)
    return predictor
