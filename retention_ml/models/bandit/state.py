"""What a bandit knows, as text: sums over decisions, scales, what was retired."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from retention_ml.errors import UnfitModel
from retention_ml.models.bandit.posterior import Design, Posterior
from retention_ml.statistics.arrays import Bools

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BanditState:
    """Everything that the next decision depends on, besides the customers and the day.

    Attributes
    ----------
    actions, stages, features : tuple of str
        Their names, in the order of the columns.
    retired : array of bool, shape (n_stages, n_actions)
        Actions no longer drawn in a stage.
    closed_until : int
        Day number: outcomes of the decisions made before this day are in the posterior.
    decisions_count : int
    seed : int
    """

    actions: tuple[str, ...]
    stages: tuple[str, ...]
    features: tuple[str, ...]
    design: Design
    posterior: Posterior
    retired: Bools
    closed_until: int
    decisions_count: int
    seed: int

    def to_json(self) -> str:
        """The state as text; `from_json` gives back the same bits."""
        content = {
            "format": FORMAT,
            "actions": self.actions,
            "stages": self.stages,
            "features": self.features,
            "centres": self.design.centres.tolist(),
            "spreads": self.design.spreads.tolist(),
            "precision": self.posterior.precision.tolist(),
            "shift": self.posterior.shift.tolist(),
            "retired": [
                [self.stages[stage], self.actions[action]]
                for stage, action in np.argwhere(self.retired)
            ],
            "closed_until": self.closed_until,
            "decisions_count": self.decisions_count,
            "seed": self.seed,
        }
        return json.dumps(content, indent=1)


def from_json(text: str) -> BanditState:
    """The state that `BanditState.to_json` wrote.

    Raises
    ------
    UnfitModel
        The text is not such a state: something is missing, of another format or shape, not
        finite, or the precision is no precision.
    """
    try:
        state = _parse(json.loads(text))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnfitModel(
            "The text is no state of a bandit: something is missing or of the wrong kind. Restore "
            "the last state from the ledger, or begin a new one."
        ) from error
    size = len(state.actions) * state.design.width
    posterior, design = state.posterior, state.design
    if not (
        len(state.actions) >= 2
        and len(design.centres) == len(design.spreads) == len(state.features)
        and posterior.precision.shape == (size, size)
        and posterior.shift.shape == (size,)
        and all(
            np.isfinite(each).all()
            for each in (posterior.precision, posterior.shift, design.centres, design.spreads)
        )
        and (design.spreads > 0).all()
        and _is_positive_definite(posterior.precision)
        and not state.retired[:, 0].any()
    ):
        raise UnfitModel(
            "The state of the bandit does not fit together: its sums are not those of "
            f"{len(state.actions)} actions, {len(state.stages)} stages and "
            f"{len(state.features)} features. Restore the last state, or begin a new one."
        )
    return state


def _parse(content: Any) -> BanditState:
    if content["format"] != FORMAT:
        raise ValueError(content["format"])
    actions, stages, features = (
        tuple(str(name) for name in content[key]) for key in ("actions", "stages", "features")
    )
    retired = np.zeros((len(stages), len(actions)), dtype=np.bool_)
    for stage, action in content["retired"]:
        retired[stages.index(stage), actions.index(action)] = True
    return BanditState(
        actions=actions,
        stages=stages,
        features=features,
        design=Design(
            stages_count=len(stages),
            centres=np.asarray(content["centres"], dtype=np.float64),
            spreads=np.asarray(content["spreads"], dtype=np.float64),
        ),
        posterior=Posterior(
            precision=np.asarray(content["precision"], dtype=np.float64),
            shift=np.asarray(content["shift"], dtype=np.float64),
        ),
        retired=retired,
        closed_until=int(content["closed_until"]),
        decisions_count=int(content["decisions_count"]),
        seed=int(content["seed"]),
    )


def _is_positive_definite(matrix: np.ndarray[Any, Any]) -> bool:
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return bool(np.allclose(matrix, matrix.T))
