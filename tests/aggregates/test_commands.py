"""Publishing counts and reading their ledger, as it is typed."""

import json

import pytest
from typer.testing import CliRunner

from retention_ml.cli import app
from tests.aggregates.conftest import MONDAYS, PublicShop

PUBLISH = ["people", "publish-aggregates", "--as-of", f"{MONDAYS[0]}"]


@pytest.fixture
def environment(public_shop: PublicShop, monkeypatch: pytest.MonkeyPatch) -> PublicShop:
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", public_shop.warehouse.url)
    monkeypatch.setenv("RETENTION_HOME", str(public_shop.settings.home))
    return public_shop


def test_counts_are_published_once_and_the_ledger_is_listed(
    environment: PublicShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_PRIVACY__PUBLIC_AGGREGATES", "true")
    first = CliRunner().invoke(app, PUBLISH)
    assert first.exit_code == 0, first.output
    assert (
        "risk_tiers of the week of 2025-01-20: 4 counts are published, 0 suppressed" in first.output
    )
    assert "it cost ε 0.2." in first.output
    again = CliRunner().invoke(app, PUBLISH)
    assert "stand published; they are never drawn again." in again.output
    listed = CliRunner().invoke(app, ["people", "releases", "--json"])
    [row] = json.loads(listed.stdout)
    assert (row["kind"], row["period_on"], row["epsilon"]) == ("risk_tiers", "2025-01-20", 0.2)
    assert "Published with noise" in CliRunner().invoke(app, ["people", "releases"]).output


def test_switched_off_nothing_is_published_and_the_answer_says_how(environment: PublicShop) -> None:
    answer = CliRunner().invoke(app, PUBLISH)
    assert answer.exit_code == 3
    assert "Set public_aggregates = true under [privacy]" in " ".join(answer.output.split())
    assert environment.spent() == 0


def test_an_unknown_kind_is_refused(environment: PublicShop) -> None:
    answer = CliRunner().invoke(app, [*PUBLISH, "--kind", "ages"])
    assert answer.exit_code == 2
    assert "'ages' is no kind of release; expected is risk_tiers or cohorts." in answer.output
