"""The state is text; text that is no state is refused."""

import json

import numpy as np
import pytest

from retention_ml.errors import UnfitModel
from retention_ml.models.bandit.bandit import decide, learn
from retention_ml.models.bandit.state import BanditState, from_json
from tests.models.bandit.shops import ARMS, PARAMETERS, beginning, closed, customers, lot


def _state() -> BanditState:
    shop = customers(1, 3000)
    decisions = closed(shop, lot(shop), seed=1)
    return learn(beginning(), ARMS, decisions, parameters=PARAMETERS, closed_until=1)


def test_what_is_written_decides_as_before_to_the_bit() -> None:
    state = _state()
    again = from_json(state.to_json())
    assert again.to_json() == state.to_json()
    assert np.array_equal(again.retired, state.retired)
    shop = customers(5, 100)
    before, after = (
        decide(each, ARMS, shop, parameters=PARAMETERS, day=40).propensities
        for each in (state, again)
    )
    assert np.array_equal(before, after)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"precision": None},
        {"precision": [[1.0]]},
        {"shift": [0.0]},
        {"centres": [float("nan")]},
        {"spreads": [0.0]},
        {"retired": [["early", "none"]]},
        {"retired": [["early", "parrot"]]},
        {"closed_until": "soon"},
    ],
)
def test_a_state_that_does_not_fit_together_is_refused(change: dict[str, object]) -> None:
    content = json.loads(_state().to_json()) | change
    with pytest.raises(UnfitModel, match=r"(?i)bandit"):
        from_json(json.dumps(content))


def test_a_precision_that_is_none_is_refused() -> None:
    content = json.loads(_state().to_json())
    content["precision"][0][0] = -1.0
    with pytest.raises(UnfitModel, match="does not fit together"):
        from_json(json.dumps(content))


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '"state"'])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(UnfitModel, match="no state of a bandit"):
        from_json(text)
