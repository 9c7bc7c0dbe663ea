"""Growing LightGBM trees so that equal rows and seeds give equal text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from retention_ml.models.predictors.trees import Trees, load_lightgbm, trees_only
from retention_ml.models.training.data.sample import TrainingSample
from retention_ml.models.training.fitting import FitContext

_PATIENCE = 30
_BINS = 127


@dataclass(frozen=True, slots=True)
class BinnedRows:
    """Rows whose features are cut into bins once, to grow trees on them many times.

    Cutting into bins takes as long as fifty small trees.
    """

    dataset: Any
    use_day_offset: bool

    @classmethod
    def of(
        cls,
        sample: TrainingSample,
        context: FitContext,
        *,
        use_day_offset: bool = False,
        reference: Self | None = None,
        bins: int = _BINS,
    ) -> Self:
        """The rows of a sample, cut at the bins of `reference` where that is given."""
        dataset = load_lightgbm().Dataset(
            sample.values,
            sample.churned,
            weight=None if np.all(sample.weights == 1) else sample.weights,
            init_score=sample.base_rate_offset() if use_day_offset else None,
            reference=None if reference is None else reference.dataset,
            params={
                "verbosity": -1,
                "num_threads": context.threads,
                "seed": context.seed,
                "feature_pre_filter": False,
                "max_bin": bins,
            },
        )
        return cls(dataset.construct(), use_day_offset)

    def grow(
        self,
        params: Mapping[str, Any],
        context: FitContext,
        *,
        rounds: int,
        valid: Self | None = None,
    ) -> Trees:
        """Trees grown on these rows; see `grow`."""
        lightgbm = load_lightgbm()
        settings = {
            "objective": "binary",
            "verbosity": -1,
            "deterministic": True,
            # Trees read some of the columns: a fifth less time than by rows, and the same trees.
            "force_col_wise": True,
            "num_threads": context.threads,
            "seed": context.seed,
            "feature_pre_filter": False,
            "max_bin": _BINS,
            **params,
        }
        if self.use_day_offset:
            settings["boost_from_average"] = False
        if valid is None:
            booster = lightgbm.train(settings, self.dataset, rounds)
        else:
            booster = lightgbm.train(
                {**settings, "metric": "binary_logloss"},
                self.dataset,
                rounds,
                valid_sets=[valid.dataset],
                callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
            )
        return Trees(texts=(trees_only(booster.model_to_string()),), threads=context.threads)


def grow(
    train: TrainingSample,
    params: Mapping[str, Any],
    context: FitContext,
    *,
    rounds: int,
    valid: TrainingSample | None = None,
    use_day_offset: bool = False,
) -> Trees:
    """Trees grown on `train`.

    With `valid`, growing stops once its log loss has not improved for 30 trees, and only the trees
    up to the best one are kept. With `use_day_offset` boosting starts from the churn rate of each
    row's day, and the trees only learn what distinguishes customers of one day.
    """
    rows = BinnedRows.of(
        train, context, use_day_offset=use_day_offset, bins=int(params.get("max_bin", _BINS))
    )
    tested = None
    if valid is not None:
        tested = BinnedRows.of(valid, context, use_day_offset=use_day_offset, reference=rows)
    return rows.grow(params, context, rounds=rounds, valid=tested)
