"""A log that could not have been drawn is refused."""

import numpy as np
import pytest

from retention_ml.statistics.off_policy.log import Log


@pytest.mark.parametrize(
    ("actions", "rewards", "propensities", "words"),
    [
        ([], [], np.empty((0, 2)), "at least one"),
        ([0, 1], [1.0], [[0.5, 0.5]] * 2, "2 actions, 1 rewards"),
        ([0, 1], [1.0, np.nan], [[0.5, 0.5]] * 2, "1 of 2 rewards are missing"),
        ([0, 2], [1.0, 1.0], [[0.5, 0.5]] * 2, "numbered 0 to 2"),
        ([0, 1], [1.0, 1.0], [[0.5, 0.5], [1.0, 0.0]], "1 of 2 decisions have no propensities"),
        ([0, 1], [1.0, 1.0], [[0.5, 0.5], [0.5, 0.6]], "sum of 1"),
        ([0, 1], [1.0, 1.0], [[1.5, -0.5], [0.5, 0.5]], "1 of 2 decisions"),
        ([0, 1], [1.0, 1.0], [[np.nan, 0.5], [0.5, 0.5]], "1 of 2 decisions"),
    ],
)
def test_what_cannot_have_been_drawn_is_refused(
    actions: list[int], rewards: list[float], propensities: list[list[float]], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        Log(
            actions=np.array(actions, dtype=np.int64),
            rewards=np.array(rewards),
            propensities=np.array(propensities),
        )


def test_only_the_propensity_of_the_drawn_action_may_be_known() -> None:
    log = Log(
        actions=np.array([0, 1]),
        rewards=np.ones(2),
        propensities=np.array([[0.2, np.nan], [np.nan, 0.4]]),
    )
    assert not log.is_complete
    assert log.drawn_propensities.tolist() == [0.2, 0.4]
