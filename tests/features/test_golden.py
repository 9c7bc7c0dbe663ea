"""Four customers and all their features, as values: `tests/golden/features.customer_daily.csv`.

The values are the oracle's, of one version of the catalogue. After an intended change of a feature,
raise `VERSION` in `retention_ml/features/catalogue.py`, regenerate the file and read the
difference: `RETENTION_WRITE_GOLDEN=1 pytest tests/features/test_golden.py`.
"""

import csv
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from retention_ml.features.catalogue import FEATURE_NAMES, VERSION
from retention_ml.features.engines import ENGINES
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.features import oracle
from tests.worlds.features import buy, deliver, in_zone, rows_of
from tests.worlds.shops import at

_GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "features.customer_daily.csv"
_DAY = date(2025, 6, 1)
_WRITE = "RETENTION_WRITE_GOLDEN"
_CORNER = "feature, version "
_RAISE_VERSION = (
    "If that is a fault, mend it. If features are meant to mean something else now, raise VERSION "
    f"in retention_ml/features/catalogue.py and regenerate the file with {_WRITE}=1: days stored "
    "before must not be compared with later ones. If only the shop of this test has changed, "
    "delete the file before."
)

Values = dict[str, dict[str, float | None]]


def _shop(warehouse: Warehouse) -> None:
    """Ann buys and does everything, Ben bought once, Cem returns, Dee was corrected late."""
    deliver(
        warehouse,
        {
            "products": [
                {"product_id": "p1", "category": "tea"},
                {"product_id": "p2", "category": "tea"},
                {"product_id": "p3", "category": "cups"},
            ]
        },
        buy("a1", at("2024-06-05", 20), customer="ann", lines=[{"line_amount_cents": 1_500}]),
        buy("a2", at("2024-09-14", 8), customer="ann", lines=[{}, {"product_id": "p2"}]),
        buy("a3", at("2025-03-01", 13), customer="ann", lines=[{"quantity": 3, "line_amount_cents": 2_700, "discount_cents": 300}]),
        buy("a4", at("2025-04-20", 23), customer="ann", lines=[{"product_id": "p3"}]),
        buy("a5", at("2025-05-12", 9), customer="ann", lines=[{}, {"product_id": "p3"}]),
        buy("a6", at("2025-05-28", 3), customer="ann", lines=[{"product_id": "p2", "discount_cents": 500}]),
        buy("b1", at("2025-05-29", 18), customer="ben", lines=[{"quantity": 2, "line_amount_cents": 2_000}]),
        buy("c1", at("2025-03-10"), customer="cem", lines=[{"line_amount_cents": 9_900}]),
        buy("c2", at("2025-03-20"), customer="cem", kind="return", lines=[{"line_amount_cents": -9_900}]),
        buy("c3", at("2025-04-01"), customer="cem", lines=[{"product_id": None}]),
        buy("c4", at("2025-04-02"), customer="cem", kind="cancellation", lines=[{"product_id": None, "line_amount_cents": -1_000}]),
        buy("d1", at("2025-02-01"), customer="dee"),
        buy("d2", at("2025-05-05"), customer="dee", lines=[{"product_id": "p2"}]),
        buy("g1", at("2025-05-20"), customer=None),
        {"events": [*_visits("ann", "2025-04-10", "2025-05-10", "2025-05-31"), *_visits("ben", "2025-05-29")]},
        {"campaign_contacts": [
            {"campaign_id": "k1", "customer_id": "ann", "event_at": at(day), "kind": kind}
            for day, kind in (("2025-05-01", "sent"), ("2025-05-02", "opened"), ("2025-05-03", "clicked"), ("2025-05-12", "redeemed"))
        ] + [{"campaign_id": "k2", "customer_id": "cem", "event_at": at("2024-12-01"), "kind": "sent"}]},
        {"feedback": [
            {"feedback_id": "f1", "customer_id": "ann", "event_at": at("2025-05-15"), "kind": "review", "rating_share": 0.75},
            {"feedback_id": "f2", "customer_id": "cem", "event_at": at("2025-03-19"), "kind": "complaint", "rating_share": None, "comment": "It was broken"},
        ]},
    )  # fmt: skip
    deliver(
        warehouse,
        buy("d2", at("2025-04-25"), customer="dee", lines=[{"product_id": "p3"}]),
        loaded_at=at("2025-05-20"),
    )
    deliver(
        warehouse,
        buy("d2", at("2025-05-31"), customer="dee"),
        loaded_at=at("2025-06-02"),  # not known on the day
    )


def _visits(customer: str, *days: str) -> list[dict[str, Any]]:
    """Two visits on each day, the first with a view and a cart."""
    return [
        {
            "customer_id": customer,
            "event_at": at(day, hour),
            "event_type": kind,
            "session_id": f"{customer}-{day}-{hour}-{kind}",
        }
        for day in days
        for hour, kind in ((10, "view"), (10, "cart"), (15, "search"))
    ]


def _read(path: Path = _GOLDEN) -> tuple[int, list[str], dict[str, list[str]]]:
    """The version of the catalogue, the customers, and their values by feature as text."""
    with path.open(encoding="utf-8", newline="") as file:
        (corner, *customers), *rows = csv.reader(file)
    return int(corner.removeprefix(_CORNER)), customers, {name: cells for name, *cells in rows}


def _write(values: Values, version: int, path: Path = _GOLDEN) -> None:
    """Write the values, unless a feature would change what it means under the same version."""
    customers = sorted(values)
    rows = {
        name: ["" if (value := values[who][name]) is None else f"{value:.12g}" for who in customers]
        for name in values[customers[0]]
    }
    if path.exists():
        before, _, golden = _read(path)
        changed = [name for name, cells in rows.items() if golden.get(name, cells) != cells]
        assert not changed or version != before, (
            f"{changed[0]} and {len(changed) - 1} more features have other values than in "
            f"{path.name}. {_RAISE_VERSION}"
        )
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([f"{_CORNER}{version}", *customers])
        writer.writerows([name, *cells] for name, cells in rows.items())


def _golden_values() -> Values:
    _, customers, rows = _read()
    return {
        who: {name: float(cells[place]) if cells[place] else None for name, cells in rows.items()}
        for place, who in enumerate(customers)
    }


def _differences(rows: list[dict[str, Any]], golden: Values) -> list[str]:
    computed = {row["customer_id"]: row for row in rows}
    assert sorted(computed) == sorted(golden)
    return [
        f"{name} of {customer} is {computed[customer][name]}, in {_GOLDEN.name} it is {value}"
        for customer, values in golden.items()
        for name, value in values.items()
        if computed[customer][name]
        != (None if value is None else pytest.approx(value, rel=1e-7, abs=2e-9))
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_features_are_the_golden_ones(
    warehouse: Warehouse, settings: Settings, engine: str
) -> None:
    settings = in_zone(settings, "Europe/Berlin", active_days=90)
    _shop(warehouse)
    if os.environ.get(_WRITE) == "1":
        values = oracle.features(warehouse, _DAY, active_days=90, timezone="Europe/Berlin")
        _write(
            {who: {name: row[name] for name in FEATURE_NAMES} for who, row in values.items()},
            VERSION,
        )
    version, _, features = _read()
    assert (version, list(features)) == (VERSION, list(FEATURE_NAMES)), (
        f"{_GOLDEN.name} does not have the features of the catalogue. Regenerate it with {_WRITE}=1."
    )
    rows = rows_of(warehouse, settings, [_DAY], engine=engine).to_pylist()
    differences = _differences(rows, _golden_values())
    assert differences == [], f"{differences[0]}. {_RAISE_VERSION}"


def test_a_difference_names_feature_and_customer() -> None:
    golden = {"ann": {"recency_days": 4.0, "gap_last_days": None, "tenure_days": 9.0}}
    rows = [{"customer_id": "ann", "recency_days": 5.0, "gap_last_days": 1.0, "tenure_days": 9.0}]
    assert _differences(rows, golden) == [
        "recency_days of ann is 5.0, in features.customer_daily.csv it is 4.0",
        "gap_last_days of ann is 1.0, in features.customer_daily.csv it is None",
    ]


def test_other_values_are_written_under_a_new_version_only(tmp_path: Path) -> None:
    path = tmp_path / "golden.csv"
    _write({"ann": {"recency_days": 4.0}}, 1, path)
    _write({"ann": {"recency_days": 4.0, "tenure_days": None}}, 1, path)
    with pytest.raises(AssertionError, match="raise VERSION"):
        _write({"ann": {"recency_days": 5.0, "tenure_days": None}}, 1, path)
    assert _read(path) == (1, ["ann"], {"recency_days": ["4"], "tenure_days": [""]})
    _write({"ann": {"recency_days": 5.0, "tenure_days": None}}, 2, path)
    assert _read(path) == (2, ["ann"], {"recency_days": ["5"], "tenure_days": [""]})
