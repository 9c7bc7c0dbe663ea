"""A gate that fails by a defect promotes nobody, says so, and compares again; the rest goes up."""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from lightgbm.basic import LightGBMError

from retention_ml.errors import RegistryError, UsageError, WarehouseError
from retention_ml.models.evaluation import gate, offline_comparison
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.training import comparison, ledger, selection
from retention_ml.models.training.gate_errors import gate_errors
from retention_ml.models.training.registration import register
from retention_ml.models.training.schedule import due
from retention_ml.models.training.train import fit, prepare, select
from retention_ml.outcomes.monitoring.alerts import is_drift_alerted
from retention_ml.outcomes.monitoring.watch import watch
from retention_ml.outcomes.trial.trials import trial_between
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.models.training.conftest import Fitted
from tests.worlds.open_transactions import idle_in_transaction
from tests.worlds.registered import Shelf

DEFECTS = [
    (gate, "_choose"),
    (offline_comparison, "_tier_moves"),
    (comparison, "finer_segments"),
    (comparison, "fairness"),
    (selection, "limits_of"),
    (selection, "gate_with_champion"),
    (selection, "register"),
    (selection, "_write_decisions"),
]


def _fit(world: Fitted, name: str) -> dict[str, Any]:
    training_id = world.first[1]
    receipt = fit(
        world.shop.warehouse, settings=world.first[0], training_id=training_id, candidate=name
    )
    return dict(receipt.details)


def _select(world: Fitted) -> dict[str, Any]:
    receipt = select(
        world.shop.warehouse,
        settings=world.first[0],
        training_id=world.first[1],
        trial_between=trial_between,
    )
    return dict(receipt.details)


def _training(world: Fitted) -> dict[str, Any]:
    rows = Shelf(warehouse=world.shop.warehouse, settings=world.first[0]).rows(
        "SELECT training_id, status, verdict, reason, gate_error::text AS gate_error "
        "FROM models.trainings"
    )
    return next(row for row in rows if row["training_id"] == world.first[1])


def _versions(world: Fitted) -> int:
    return len(Registry(world.first[0]).versions())


def _break(patched: pytest.MonkeyPatch, where: Any, name: str, error: BaseException) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise error

    patched.setattr(where, name, broken)


def test_without_a_defect_the_same_training_makes_a_challenger(world: Fitted) -> None:
    """The control of all that follows."""
    assert _select(world)["verdict"] == "inconclusive"
    assert _versions(world) == 3


@pytest.mark.parametrize(("where", "name"), DEFECTS)
def test_a_defect_promotes_nobody_and_says_where_it_is(
    world: Fitted,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    where: Any,
    name: str,
) -> None:
    before = Registry(world.first[0]).aliases()
    _break(monkeypatch, where, name, TypeError("unsupported operand"))
    details = _select(world)
    assert details["verdict"] == "keep"
    assert details["model_version"] is None
    assert "could not be compared: TypeError in " in details["reason"]
    assert "test_gate_errors" not in details["reason"]
    assert Registry(world.first[0]).aliases() == before
    assert _versions(world) == (3 if name == "_write_decisions" else 2)
    training = _training(world)
    assert (training["status"], training["verdict"]) == ("prepared", None)
    assert '"unsupported operand"' in training["gate_error"]
    assert "Traceback" in caplog.text
    assert "unsupported operand" in caplog.text


def test_a_version_registered_before_a_defect_is_taken_by_the_next_run(
    world: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        _break(patched, selection, "_write_decisions", TypeError("unsupported operand"))
        for _ in range(2):
            assert _select(world)["verdict"] == "keep"
    details = _select(world)
    assert (details["verdict"], details["model_version"]) == ("inconclusive", "3")
    assert _versions(world) == 3


@pytest.mark.parametrize(("where", "name"), [(gate, "_choose"), (comparison, "finer_segments")])
@pytest.mark.thorough
def test_what_is_no_defect_goes_up_and_is_tried_again(
    world: Fitted, monkeypatch: pytest.MonkeyPatch, where: Any, name: str
) -> None:
    for error in (
        WarehouseError("away"),
        RegistryError("away"),
        OSError("full"),
        MemoryError(),
        UsageError("no"),
        LightGBMError("std::bad_alloc"),
    ):
        with monkeypatch.context() as patched:
            _break(patched, where, name, error)
            with pytest.raises(type(error)):
                _select(world)
        training = _training(world)
        assert (training["status"], training["gate_error"]) == ("prepared", None)
    assert _select(world)["verdict"] == "inconclusive"


def test_the_next_day_compares_the_same_candidates_again_and_fits_none(
    world: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    tomorrow = world.shop.as_of + timedelta(days=1)
    with monkeypatch.context() as patched:
        _break(patched, offline_comparison, "_tier_moves", TypeError("x"))
        _select(world)
    is_due = due(
        world.shop.warehouse,
        settings=world.first[0],
        as_of=tomorrow,
        is_drift_alerted=is_drift_alerted,
    ).details
    assert is_due["is_due"]
    assert is_due["compares_again"] == [world.first[1]]
    prepared = prepare(world.shop.warehouse, settings=world.first[0], as_of=tomorrow).details
    assert prepared["training_id"] == world.first[1]
    assert prepared["candidates"] == ["recency", "rfm_logistic"]
    assert all(_fit(world, name)["repeated"] for name in world.first[0].training.candidates)
    assert _select(world)["verdict"] == "inconclusive"
    assert _training(world)["status"] == "selected"
    assert _waiting(world, 1) == []


def test_features_changed_by_hand_stop_neither_a_waiting_training_nor_a_new_one(
    world: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        _break(patched, offline_comparison, "_tier_moves", TypeError("x"))
        _select(world)
    training = ledger.training(world.shop.warehouse, world.first[1])
    for day in (training.plan.evaluation[0], training.plan.training[0]):
        with world.shop.warehouse.transaction() as transaction:
            transaction.execute(
                "UPDATE features.customer_daily SET recency_days = recency_days + 1 "
                "WHERE as_of = :day",
                day=day,
            )
        prepared = prepare(
            world.shop.warehouse, settings=world.first[0], as_of=world.shop.as_of
        ).details
        assert "compared_again_after" not in prepared
        assert prepared["feature_days_built"] == 1
        # Built again they are the same, so it is the same training.
        assert prepared["training_id"] == world.first[1]


def _waiting(world: Fitted, days_later: int) -> list[str]:
    until = world.shop.as_of + timedelta(days=days_later)
    after = until - timedelta(days=world.first[0].training.every_days)
    return [one.training_id for one in gate_errors(world.shop.warehouse, after=after, until=until)]


def test_a_training_is_made_anew_when_asked_for_or_where_settings_changed_or_time_passed(
    world: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        _break(patched, offline_comparison, "_tier_moves", TypeError("x"))
        _select(world)

    def prepared(settings: Settings, **more: Any) -> dict[str, Any]:
        return dict(
            prepare(world.shop.warehouse, settings=settings, as_of=world.shop.as_of, **more).details
        )

    assert "compared_again_after" in prepared(world.first[0])
    assert "compared_again_after" not in prepared(world.first[0], is_forced=True)
    training = world.first[0].training.model_copy(update={"bootstrap_draws": 100})
    changed = world.first[0].model_copy(update={"training": training})
    assert prepared(changed)["training_id"] != world.first[1]
    assert _waiting(world, 6) == [world.first[1]]
    assert _waiting(world, 7) == []


def test_watch_alerts_a_gate_that_does_not_work_until_it_works_again(
    world: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def alerted(days_later: int) -> list[dict[str, Any]]:
        day = world.shop.as_of + timedelta(days=days_later)
        receipt = watch(world.shop.warehouse, settings=world.first[0], as_of=day)
        return [one for one in receipt.details["alerts"] if one["kind"] == "gate_error"]

    assert alerted(0) == []
    with monkeypatch.context() as patched:
        _break(patched, offline_comparison, "_tier_moves", TypeError("order 536365"))
        _select(world)
        [alert] = alerted(1)
        assert alert["severity"] == "critical"
        assert "TypeError in offline_comparison.py, line " in alert["sentence"]
        assert "536365" not in alert["sentence"]
        _select(world)  # the same again: it is known
        assert alerted(2) == []
    _select(world)
    assert alerted(3) == []


# Two at once, and what is open meanwhile


def test_two_at_once_register_one_version_and_both_say_the_same(
    world: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(warehouse=world.shop.warehouse, settings=world.first[0])
    first, second = shelf.at_once(lambda: _select(world), lambda: _select(world))
    assert first == second
    assert first["model_version"] == "3"
    assert _versions(world) == 3
    assert shelf.ledger("challenger") == [("3", "promote")]


def test_without_the_block_for_one_process_two_would_register_two(
    world: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control; what is written is still written once."""
    both = Barrier(2, timeout=30)

    def together(*args: Any) -> Any:
        both.wait()
        return register(*args)

    monkeypatch.setattr(selection, "register", together)
    monkeypatch.setattr(Warehouse, "exclusive", lambda *_: nullcontext())
    shelf = Shelf(warehouse=world.shop.warehouse, settings=world.first[0])
    first, second = shelf.at_once(lambda: _select(world), lambda: _select(world))
    assert first == second
    assert _versions(world) == 4
    assert len(shelf.ledger("challenger")) == 1


def test_no_session_of_postgres_is_in_a_transaction_while_it_fits_compares_or_registers(
    world: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    states: dict[str, int] = {}

    def looking(name: str) -> Callable[..., Any]:
        whole = getattr(selection, name)

        def look(*args: Any, **options: Any) -> Any:
            states[name] = idle_in_transaction(world.shop.warehouse)
            return whole(*args, **options)

        return look

    for name in ("evaluate", "load_served_model", "fit_final", "compare", "register"):
        monkeypatch.setattr(selection, name, looking(name))
    assert _select(world)["verdict"] == "inconclusive"
    assert states == dict.fromkeys(states, 0)
    assert len(states) == 5
