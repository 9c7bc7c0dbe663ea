"""A simulated shop goes through the real doors: every planted defect ends where it should."""

from pathlib import Path

import pytest

from retention_ml.curated.curate import curate
from retention_ml.deliveries.land import land
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.stage import stage
from retention_ml.quality.check import check
from retention_ml.settings import Settings, load
from retention_ml.simulate import defects, simulate
from retention_ml.simulate.shop import TIMEZONE
from retention_ml.warehouse import Warehouse
from tests.simulate.conftest import Shop


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The shipped settings in the simulated shop's zone."""
    return load(
        {"RETENTION_HOME": str(tmp_path / "home"), "RETENTION_CALENDAR__TIMEZONE": TIMEZONE}
    )


def _ingest(warehouse: Warehouse, settings: Settings, folder: Path) -> None:
    files = sorted(folder.glob("*.csv"))
    landed = land(warehouse, settings=settings, source="simulated", files=files, history=True)
    batch_id = landed.details["batch_id"]
    stage(warehouse, settings=settings, batch_id=batch_id)
    check(warehouse, settings=settings, batch_id=batch_id)
    curate(warehouse, settings=settings, batch_id=batch_id)


def test_the_reason_codes_are_those_of_the_platform() -> None:
    codes = {each.reason_code for each in defects.DEFECTS} - {""}
    assert len(codes) >= 11
    assert codes <= set(Reason)


@pytest.mark.fault("every kind of planted defect", promises="P1", row=20)
def test_every_planted_defect_is_set_aside_for_its_true_reason_and_nothing_else(
    warehouse: Warehouse, settings: Settings, spoilt_shop: Shop
) -> None:
    _ingest(warehouse, settings, spoilt_shop.folder)
    planted = {
        (row["file"], row["line_number"]): row["reason_code"]
        for row in spoilt_shop.truth("defects").to_pylist()
        if row["reason_code"] is not None
    }
    assert len(planted) == spoilt_shop.summary["defective_rows"] > 1_000
    expected = warehouse.read(
        "SELECT d.file_name, q.line_number, q.reason_code FROM quarantine.rows q "
        "JOIN raw.deliveries d USING (delivery_id)"
    ).to_pylist()
    # The file that was delivered twice may be known by either name.
    again = {row["file"] for row in spoilt_shop.truth("files").to_pylist() if row["is_repeated"]}
    assert len(again) == 1
    quarantined = {
        (row["file_name"].replace("_again.csv", ".csv"), row["line_number"]): row["reason_code"]
        for row in expected
    }
    assert len(quarantined) == len(expected)
    assert quarantined == planted

    ledger = warehouse.read(
        "SELECT sum(delivered_count)::bigint AS delivered, sum(accepted_count)::bigint AS accepted, "
        "sum(quarantined_count)::bigint AS quarantined, sum(duplicate_count)::bigint AS duplicates, "
        "count(*) FILTER (WHERE status = 'repeated') AS repeated FROM raw.deliveries"
    ).to_pylist()[0]
    true_rows = sum(
        spoilt_shop.truth("files")
        .filter(~spoilt_shop.truth("files")["is_repeated"].to_numpy())["true_rows"]
        .to_pylist()
    )
    assert ledger == {
        "delivered": spoilt_shop.summary["rows"],
        "accepted": true_rows,
        "quarantined": len(planted),
        "duplicates": spoilt_shop.summary["repeated_rows"],
        "repeated": 1,
    }
    for feed in ("order_lines", "events", "products", "customers", "feedback", "campaign_contacts"):
        curated = warehouse.read(f"SELECT count(*) AS n FROM curated.{feed}")["n"][0].as_py()
        assert curated == spoilt_shop.summary[f"{feed}_rows"], feed


def test_money_and_kinds_arrive_as_they_were_made(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    simulate(customers=80, days=60, seed=11, out=tmp_path / "shop", defect_share=0)
    _ingest(warehouse, settings, tmp_path / "shop")
    paths = sorted((tmp_path / "shop").glob("order_lines_*.csv"))
    lines = [line.split(",") for path in paths for line in path.read_text().splitlines()[1:]]
    delivered = sum(round(float(line[-1]) * 100) for line in lines)
    counts = warehouse.read(
        "SELECT sum(line_amount_cents)::bigint AS total, "
        "count(*) FILTER (WHERE kind = 'return') AS returns, "
        "count(*) FILTER (WHERE kind = 'cancellation') AS cancellations, "
        "count(*) FILTER (WHERE kind = 'charge') AS charges FROM curated.order_lines"
    ).to_pylist()[0]
    assert counts == {
        "total": delivered,
        "returns": sum(line[0].startswith("R") for line in lines),
        "cancellations": sum(line[0].startswith("C") for line in lines),
        "charges": sum(line[4] == "POST" for line in lines),
    }
    assert min(counts.values()) > 0
    orders = warehouse.read(
        "SELECT count(*) AS n, count(*) FILTER (WHERE kind = 'purchase') AS purchases "
        "FROM curated.orders"
    ).to_pylist()[0]
    documents = {line[0] for line in lines}
    assert orders == {
        "n": len(documents),
        "purchases": sum(name.startswith("O") for name in documents),
    }
