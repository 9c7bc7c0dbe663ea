"""Intents build over hours, leave carts behind, and change nothing but the click-stream."""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from retention_ml.simulate import simulate


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same shop without and with intents."""
    folder = tmp_path_factory.mktemp("shops")
    for name in ("without", "with"):
        simulate(
            customers=300, days=120, seed=3, out=folder / name, defect_share=0,
            has_intent=name == "with",
        )  # fmt: skip
    return folder / "without", folder / "with"


def _rows(folder: Path, query: str) -> Sequence[tuple[float, ...]]:
    def table(feed: str) -> str:
        return f"read_csv('{folder}/{feed}_*.csv', header = true)"

    return (
        duckdb.connect()
        .execute(query.format(events=table("events"), lines=table("order_lines")))
        .fetchall()
    )


def test_only_the_click_stream_is_another(shops: tuple[Path, Path]) -> None:
    without, with_intent = shops
    names = sorted(path.name for path in without.glob("*.csv"))
    assert names == sorted(path.name for path in with_intent.glob("*.csv"))
    assert len(names) > 10
    same = {
        name: (without / name).read_bytes() == (with_intent / name).read_bytes() for name in names
    }
    assert {name for name, is_same in same.items() if not is_same} == {
        name for name in names if name.startswith("events_")
    }


def test_carts_are_left_and_products_looked_at_that_nobody_buys(
    shops: tuple[Path, Path],
) -> None:
    """Of a product that the customer does not buy within two days."""
    left = (
        "SELECT count(*) FROM {events} AS cart WHERE event_type = 'cart' AND NOT EXISTS ("
        "SELECT 1 FROM {lines} AS line WHERE line.customer_id = cart.customer_id "
        "AND line.product_id = cart.product_id AND line.ordered_at >= cart.event_at "
        "AND line.ordered_at < cart.event_at + INTERVAL 2 DAY)"
    )
    without, with_intent = (_rows(folder, left)[0][0] for folder in shops)
    assert with_intent > 2 * without > 0


def test_what_is_bought_is_looked_at_the_more_the_nearer_the_order(
    shops: tuple[Path, Path],
) -> None:
    """Views an hour before are denser than those six to twelve hours before."""
    hours = (
        "SELECT date_diff('minute', event_at, ordered_at) / 60.0 AS hours FROM {events} AS viewed "
        "JOIN {lines} AS line ON line.customer_id = viewed.customer_id "
        "AND line.product_id = viewed.product_id AND viewed.event_at < line.ordered_at "
        "WHERE event_type = 'view'"
    )
    near, far = (
        _rows(shops[1], f"SELECT count(*) FROM ({hours}) WHERE hours >= {low} AND hours < {high}")
        for low, high in ((0.25, 2), (6, 12))
    )
    assert near[0][0] / 1.75 > 3 * far[0][0] / 6 > 0
