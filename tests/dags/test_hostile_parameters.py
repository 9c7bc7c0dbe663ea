"""What a run may be given is checked before there is a run."""

import random

import pytest
from airflow.sdk.exceptions import ParamValidationError
from retention_airflow.defaults import DAY_PARAMS, DELIVERY_PARAMS, TRAINING_PARAMS

from tests.chaos.counts import count
from tests.dags.hostile_parameters import HOSTILE, hostile

_PARAMS = DELIVERY_PARAMS | TRAINING_PARAMS


def test_every_parameter_is_tried() -> None:
    assert set(_PARAMS) == set(HOSTILE)
    assert set(DAY_PARAMS) < set(_PARAMS)


@pytest.mark.fault(
    "values that no parameter of a run takes",
    promises="P6",
    row=43,
    counted="hostile parameters of a run",
)
def test_no_parameter_takes_what_it_is_not_for() -> None:
    draw = random.Random(43)
    for _ in range(count("hostile parameters of a run")):
        name, value = hostile(draw, tuple(HOSTILE))
        with pytest.raises(ParamValidationError):
            _PARAMS[name].resolve(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("as_of", "2026-03-01"), ("as_of", None), ("source", None), ("files", ["a"]), ("force", True)],
)
def test_what_it_is_for_it_takes(name: str, value: object) -> None:
    assert _PARAMS[name].resolve(value) == value
