"""The best candidate against a champion: compared, on trial or not, promoted or not, recorded."""

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from retention_ml.errors import RegistryError
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.evaluation.gate import choose
from retention_ml.models.evaluation.offline_comparison import OfflineComparison
from retention_ml.models.promotion.apply import load_served_model
from retention_ml.models.promotion.decisions import write_decision
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.training import comparison, overview, selection
from retention_ml.models.training.train import select
from retention_ml.outcomes.trial.trials import trial_between
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.models.training.conftest import AGE_DAYS, Fitted, changed_settings

BETTER = OfflineComparison(
    verdict="promote", reason="It is better.", evidence={"reason": "It is better."}
)


def _select(world: Fitted, which: tuple[Settings, str]) -> dict[str, Any]:
    settings, training_id = which
    return dict(
        select(
            world.shop.warehouse,
            settings=settings,
            training_id=training_id,
            trial_between=trial_between,
        ).details
    )


def _aliases(world: Fitted) -> dict[str, str]:
    return Registry(world.first[0]).aliases()


def _decided(world: Fitted) -> list[tuple[str, str, str]]:
    rows = world.shop.warehouse.read(
        "SELECT alias, model_version, verdict FROM models.promotions ORDER BY promotion_id OFFSET 2"
    ).to_pylist()
    return [(row["alias"], row["model_version"], row["verdict"]) for row in rows]


def test_a_candidate_is_compared_with_the_champion_and_takes_the_free_slot(world: Fitted) -> None:
    details = _select(world, world.first)
    assert details["verdict"] == "inconclusive"
    assert "Against the champion on the same" in details["reason"]
    assert "has to prove itself on outcomes" in details["reason"]
    assert _aliases(world) == {"champion": "2", "challenger": "3"}
    assert _decided(world) == [("challenger", "3", "promote"), ("champion", "3", "inconclusive")]
    row = world.shop.warehouse.read(
        "SELECT evidence::text AS e FROM models.promotions ORDER BY promotion_id DESC LIMIT 1"
    )
    evidence = json.loads(row["e"][0].as_py())["contest"]
    assert {one["what"] for one in evidence["findings"]} == {
        "roc_auc", "log_loss", "brier", "segments", "calibration_difference", "profit",
        "tier_moves", "predictions", "calibration", "seconds_per_thousand", "megabytes",
        "fairness",
    }  # fmt: skip
    made = date.fromisoformat(str(world.shop.as_of)) - timedelta(days=AGE_DAYS)
    assert all(date.fromisoformat(day) >= made for day in evidence["days"])
    again = _select(world, world.first)
    assert again == details


def test_the_comparison_is_kept_and_shown(world: Fitted) -> None:
    details = _select(world, world.first)
    name = details["selected_model"]
    rows = world.shop.warehouse.read(
        "SELECT metric, model_name, lower, upper FROM models.evaluations "
        "WHERE metric LIKE '%_minus_champion'"
    ).to_pylist()
    assert {"roc_auc_minus_champion", "log_loss_minus_champion", "brier_minus_champion"} <= {
        row["metric"] for row in rows
    }
    assert {row["model_name"] for row in rows} == {name}
    client = Registry(world.first[0])._client
    version = client.get_model_version("churn", "3")
    assert "## Comparison with the champion" in version.description
    assert "| roc auc " in version.description
    assert version.tags["gate_verdict"] == "inconclusive"
    assert version.tags["gate_reason"] == details["reason"][:1_000]
    run = client.get_run(version.run_id)
    assert run.data.tags["gate_verdict"] == "inconclusive"
    assert {"roc_auc_minus_champion", "brier_minus_champion"} <= set(run.data.metrics)
    assert not [metric for metric in run.data.metrics if metric.endswith(("_lower", "_upper"))]
    plots = {file.path for file in client.list_artifacts(version.run_id, "plots")}
    assert {"plots/champion_differences.png", "plots/champion_segments.png"} <= plots


def test_the_challenger_on_trial_keeps_the_slot(world: Fitted) -> None:
    _select(world, world.first)
    _trial(world, ended_on=None)
    details = _select(world, world.second)
    assert details["verdict"] == "keep"
    until = world.shop.as_of + timedelta(days=world.first[0].trial.days_max)
    assert (
        f"Version 3 is on trial against the champion and keeps the challenger's slot until {until}"
        in details["reason"]
    )
    assert details["model_version"] == "4"
    assert _aliases(world) == {"champion": "2", "challenger": "3"}
    assert _decided(world)[-1] == ("champion", "4", "keep")


def test_a_challenger_whose_trial_has_not_begun_keeps_the_slot(world: Fitted) -> None:
    _select(world, world.first)
    assert "Version 3 is on trial" in _select(world, world.second)["reason"]
    assert _aliases(world)["challenger"] == "3"


def test_without_a_champion_the_challenger_of_the_starter_keeps_the_slot(
    world: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    _select(world, world.first)
    monkeypatch.setattr(
        selection,
        "load_served_model",
        lambda registry, warehouse, alias: (
            None if alias == "champion" else load_served_model(registry, warehouse, alias)
        ),
    )
    monkeypatch.setattr(selection, "decisions", lambda *_: [])
    monkeypatch.setattr(selection, "lock_decisions", lambda *_: [])
    monkeypatch.setattr(
        selection,
        "choose",
        lambda *args, **options: replace(choose(*args, **options), is_shown=False),
    )
    details = _select(world, world.second)
    assert (details["verdict"], details["model_version"]) == ("keep", "4")
    assert "Version 3 is on trial against the starter" in details["reason"]
    assert _aliases(world)["challenger"] == "3"


def test_the_slot_of_a_trial_that_ended_goes_to_the_next_candidate(world: Fitted) -> None:
    _select(world, world.first)
    _trial(world, ended_on=world.shop.as_of)
    assert _select(world, world.second)["verdict"] == "inconclusive"
    assert _aliases(world) == {"champion": "2", "challenger": "4"}


def test_a_slot_that_a_person_cleared_goes_to_the_next_candidate(world: Fitted) -> None:
    _select(world, world.first)
    Registry(world.first[0]).delete_alias("challenger")
    assert _select(world, world.second)["verdict"] == "inconclusive"
    assert _aliases(world) == {"champion": "2", "challenger": "4"}


@pytest.mark.parametrize(
    ("evidence", "mode", "verdict", "aliases"),
    [
        ("offline", "automatic", "promote", {"champion": "3"}),
        ("offline", "approval", "inconclusive", {"champion": "2", "challenger": "3"}),
        ("outcomes", "automatic", "inconclusive", {"champion": "2", "challenger": "3"}),
    ],
)
def test_a_better_candidate_is_promoted_only_where_the_settings_say_so(
    world: Fitted,
    monkeypatch: pytest.MonkeyPatch,
    evidence: str,
    mode: str,
    verdict: str,
    aliases: dict[str, str],
) -> None:
    monkeypatch.setattr(selection, "compare", lambda *_, **__: BETTER)
    settings = changed_settings(world.first[0], "promotion", evidence=evidence, mode=mode)
    assert _select(world, (settings, world.first[1]))["verdict"] == verdict
    assert _aliases(world) == aliases
    row = world.shop.warehouse.read(
        "SELECT evidence::text AS e FROM models.promotions ORDER BY promotion_id DESC LIMIT 1"
    )
    awaits = json.loads(row["e"][0].as_py()).get("awaits_approval", False)
    assert awaits == (evidence == "offline" and mode == "approval")


def test_a_candidate_identical_to_the_champion_is_not_registered(
    world: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "is_same", lambda *_: True)
    details = _select(world, world.first)
    assert (details["verdict"], details["model_version"]) == ("keep", None)
    assert "identical to the champion" in details["reason"]
    assert len(Registry(world.first[0]).versions()) == 2


def test_two_bundles_are_one_model_whatever_training_they_name(world: Fitted) -> None:
    champion = load_served_model(Registry(world.first[0]), world.shop.warehouse, "champion")
    assert champion is not None
    bundle = champion.bundle

    def renamed(**more: Any) -> Bundle:
        text = json.dumps({**bundle.manifest, **more}).encode()
        return Bundle.from_contents({**bundle.contents, "manifest.json": text})

    assert comparison.is_same(bundle, renamed(training_id="another"))
    assert not comparison.is_same(bundle, renamed(calibration={"slope": 0.5, "intercept": 0.0}))
    other = {name: content + b" " for name, content in bundle.contents.items()}
    assert not comparison.is_same(bundle, replace(bundle, contents=other, sha256="0" * 64))


def test_a_champion_that_changed_meanwhile_leaves_the_candidate_without_an_alias(
    world: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = selection.register

    def slowly(*args: Any) -> Any:
        _go_back_to_version_1(world)
        return whole(*args)

    monkeypatch.setattr(selection, "register", slowly)
    details = _select(world, world.first)
    assert details["verdict"] == "keep"
    assert "changed while it was evaluated" in details["reason"]
    assert _aliases(world) == {"champion": "1"}
    _assert_page_says_what_the_ledger_says(world, details)


def test_a_version_of_an_earlier_try_shows_the_verdict_of_the_later_one(
    world: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(name: str) -> None:
        if name == "train.after_register":
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(selection, "failpoint", die)
        with pytest.raises(Killed):
            _select(world, world.first)
    monkeypatch.setattr(selection, "compare", lambda *_, **__: BETTER)
    settings = changed_settings(world.first[0], "promotion", evidence="offline", mode="automatic")
    details = _select(world, (settings, world.first[1]))
    assert (details["verdict"], details["model_version"]) == ("promote", "3")
    _assert_page_says_what_the_ledger_says(world, details)


def test_a_registry_that_shows_no_verdict_takes_nothing_from_it_and_is_asked_again(
    world: Fitted, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any) -> None:
        raise RegistryError("away")

    whole = selection.register

    def slowly(*args: Any) -> Any:
        _go_back_to_version_1(world)
        return whole(*args)

    with monkeypatch.context() as patched:
        patched.setattr(selection, "register", slowly)
        patched.setattr(Registry, "set_verdict", refuse)
        assert _select(world, world.first)["verdict"] == "keep"
    assert "does not show the verdict on version 3: away" in caplog.text
    _assert_page_says_what_the_ledger_says(world, _select(world, world.first))


def test_a_comparison_that_cannot_be_drawn_keeps_no_decision_from_being_served(
    world: Fitted, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise TypeError("no bound")

    monkeypatch.setattr(overview, "page", fail)
    assert _select(world, world.first)["verdict"] == "inconclusive"
    assert "does not show training" in caplog.text


def _assert_page_says_what_the_ledger_says(world: Fitted, details: dict[str, Any]) -> None:
    client = Registry(world.first[0])._client
    version = client.get_model_version("churn", details["model_version"])
    expected = {"gate_verdict": details["verdict"], "gate_reason": details["reason"][:1_000]}
    for tags in (version.tags, client.get_run(version.run_id).data.tags):
        assert {name: tags[name] for name in expected} == expected
    verdict = f"## Verdict\n\n{details['verdict']}: {details['reason']}\n"
    assert version.description.startswith(verdict)
    assert version.description.count("## Verdict") == 1


def _go_back_to_version_1(world: Fitted) -> None:
    with world.shop.warehouse.transaction() as transaction:
        write_decision(
            transaction,
            settings=world.first[0],
            alias="champion",
            model_name="rfm_logistic",
            version="1",
            bundle_sha256=str(world.shop.receipt.details["bundle_sha256"]),
            verdict="promote",
            decided_by="a person",
            reason="meanwhile",
        )


def test_a_candidate_replaces_only_the_champion_that_it_was_compared_with(
    world: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person decides while champion and challenger are loaded."""
    loaded, compared = [], []

    def load_slowly(registry: Registry, warehouse: Warehouse, alias: str) -> Any:
        model = load_served_model(registry, warehouse, alias)
        if alias == "champion":
            assert model is not None
            loaded.append(model.version)
            if len(loaded) == 1:
                _go_back_to_version_1(world)
        return model

    def compare(*_: Any, champion: Bundle, **__: Any) -> OfflineComparison:
        compared.append(champion.sha256)
        return BETTER

    monkeypatch.setattr(selection, "load_served_model", load_slowly)
    monkeypatch.setattr(selection, "compare", compare)
    settings = changed_settings(world.first[0], "promotion", evidence="offline", mode="automatic")
    assert _select(world, (settings, world.first[1]))["verdict"] == "promote"
    assert loaded == ["2", "1"]
    assert compared == [world.shop.receipt.details["bundle_sha256"]]
    assert _decided(world) == [("champion", "1", "promote"), ("champion", "3", "promote")]


def _trial(world: Fitted, ended_on: date | None) -> None:
    registry = Registry(world.first[0])
    pair = [
        load_served_model(registry, world.shop.warehouse, alias)
        for alias in ("champion", "challenger")
    ]
    champion, challenger = pair
    assert champion is not None
    assert challenger is not None
    with world.shop.warehouse.transaction() as transaction:
        transaction.execute(
            "INSERT INTO outcomes.trials (champion_version, champion_sha256, challenger_version, "
            "challenger_sha256, definition_hash, began_on, plan, status, ended_on, run_id) VALUES "
            "(:v1, :s1, :v2, :s2, :hash, :began, '{}', :status, :ended, 'test')",
            v1=champion.version,
            s1=champion.bundle.sha256,
            v2=challenger.version,
            s2=challenger.bundle.sha256,
            hash=champion.bundle.manifest["definition_hash"],
            began=world.shop.as_of,
            status="undecided" if ended_on else "open",
            ended=ended_on,
        )
