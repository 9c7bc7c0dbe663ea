"""MLflow shows rankers with their card; its aliases follow the ledger."""

import pytest

from retention_ml.models.promotion.decisions import write_decision
from retention_ml.models.registry.text_models import TextModels
from retention_ml.recommendations.fitting.ledger import CHAMPION
from retention_ml.recommendations.fitting.registration import _MODEL, show_rankers
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.outcomes.lists.ranker_world import BEGAN, GOOD, POOR, rankers, settle_in


def test_mlflow_shows_every_ranker_with_its_card_and_its_aliases_follow(
    warehouse: Warehouse, settings: Settings
) -> None:
    world = rankers()
    settle_in(warehouse, settings, world, champion=GOOD, challenger=POOR)
    with warehouse.transaction() as transaction:
        transaction.execute("UPDATE recommendations.bundles SET registered_at = NULL")
    assert show_rankers(warehouse, settings) == "It stands where the ledger says."
    registry = TextModels(settings, _MODEL)
    good, poor = (registry.version_of(each.sha256) for each in (world.good, world.poor))
    assert {good, poor} == {"1", "2"}
    client = registry._client
    model = client.get_registered_model("recommendations")
    aliases = {alias: str(version) for alias, version in model.aliases.items()}
    assert aliases == {"champion": good, "challenger": poor}
    assert client.get_model_version("recommendations", good).description == "# card\n"
    files = client.list_artifacts(
        client.get_model_version("recommendations", good).run_id, "bundle"
    )
    assert {one.path for one in files} >= {"bundle/manifest.json"}
    run = client.get_run(client.get_model_version("recommendations", good).run_id)
    assert run.data.tags["mlflow.source.name"] == "retention recommend"
    assert run.data.tags["mlflow.note.content"] == "# card\n"
    with warehouse.transaction() as transaction:
        for verdict, version, sha256 in (
            ("promote", POOR, world.poor.sha256),
            ("retire", POOR, world.poor.sha256),
        ):
            write_decision(
                transaction,
                settings=settings,
                alias=CHAMPION,
                model_name="recommendations",
                version=version,
                bundle_sha256=sha256,
                verdict=verdict,
                decided_by="test",
                reason="to see what follows",
                as_of=BEGAN,
            )
    show_rankers(warehouse, settings)
    assert dict(client.get_registered_model("recommendations").aliases) == {}
    assert registry.version_of("0" * 64) is None


def test_mlflow_that_is_down_is_said_and_tried_again(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    settle_in(warehouse, settings, rankers(), champion=GOOD, challenger=POOR)
    down = settings.model_copy(update={"tracking_uri": "http://127.0.0.1:9"})
    assert "It follows at the next fit or decision" in show_rankers(warehouse, down)
    assert show_rankers(warehouse, settings) == "It stands where the ledger says."
