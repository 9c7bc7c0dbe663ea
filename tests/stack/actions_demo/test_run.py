"""The order of the demonstration: what is done once, and what two runs at a time would break."""

import fcntl
from datetime import date
from pathlib import Path

import pytest

from retention_ml.errors import StackError
from retention_ml.settings import Settings
from retention_ml.stack import databases, demo_report, local
from retention_ml.stack.actions_demo import receivers, run
from retention_ml.stack.actions_demo import shop as demo_shop
from retention_ml.stack.demo import Steps
from retention_ml.stack.demo_data import Delivery
from retention_ml.warehouse import Warehouse


def test_without_a_mail_server_nothing_is_begun(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receivers, "find_spec", lambda _: None)
    with pytest.raises(StackError, match="aiosmtpd"):
        run.run(settings)
    assert not settings.home.exists()


def test_a_second_run_at_the_same_time_is_refused(settings: Settings) -> None:
    demonstration = demo_shop.settings_of(settings)
    demonstration.home.mkdir(parents=True)
    with (demonstration.home / "run.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        with pytest.raises(StackError, match=r"runs already in .*actions\. Wait"):
            run.run(settings)
    assert not (demonstration.home / "postgres").exists()


def test_a_published_day_is_not_taken_in_again(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = date(2017, 11, 20)
    monkeypatch.setattr(demo_report, "published_days", lambda _: {day})
    missing = Delivery(day=day, files=(Path("/missing.parquet"),))
    run.publish_day(warehouse, demo_shop.settings_of(settings), missing, Steps())
    assert warehouse.read("SELECT 1 FROM raw.deliveries").num_rows == 0


def test_down_stops_its_postgres_too(settings: Settings) -> None:
    demonstration = demo_shop.settings_of(settings)
    local.start_postgres(demonstration)
    assert databases.server(demonstration.home).is_running()
    sentences: list[str] = []
    local.down(settings, sentences.append)
    assert not databases.server(demonstration.home).is_running()
    assert "demo-actions is stopped" in sentences
