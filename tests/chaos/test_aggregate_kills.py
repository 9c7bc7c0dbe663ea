"""kill -9 while public counts are published: ledger and counts are both there, or neither."""

import multiprocessing
import os
import signal
from typing import Any

import pytest

from retention_ml.aggregates.kinds import Kind
from retention_ml.aggregates.publish_aggregates import publish_aggregates
from retention_ml.failpoints import FAILPOINTS
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.aggregates.conftest import MONDAYS, PublicShop, public_shop

pytestmark = pytest.mark.thorough

__all__ = ["public_shop"]

MINE = [name for name in FAILPOINTS if name.startswith("publish_aggregates.")]


def _publish(url: str, settings: dict[str, Any], failpoint: str) -> None:
    """The door in a process of its own, which dies at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = failpoint
    warehouse = Warehouse(url)
    publish_aggregates(
        warehouse, settings=Settings(**settings), as_of=MONDAYS[0], kind=Kind.RISK_TIERS
    )


def _publish_naively(url: str) -> None:
    """Write the ledger in a transaction of its own, and die before the counts."""
    with Warehouse(url).transaction() as transaction:
        transaction.execute(
            "INSERT INTO privacy.releases (kind, period_on, as_of, snapshot_id, epsilon, "
            "epsilon_month, margin_count, cell_min, run_id, released_at) "
            "VALUES ('risk_tiers', :day, :day, 1, 0.2, 1, 15, 10, 'test', :day)",
            day=MONDAYS[0],
        )
    os.kill(os.getpid(), signal.SIGKILL)


def _kill(target: Any, *arguments: Any) -> None:
    process = multiprocessing.get_context("forkserver").Process(target=target, args=arguments)
    process.start()
    process.join(120)
    assert process.exitcode == -9


def _is_whole(shop: PublicShop) -> bool:
    """Whether each release has its four counts, and each of them its release."""
    releases = shop.rows("SELECT release_id FROM privacy.releases")
    cells = shop.rows("SELECT release_id, place FROM privacy.released_cells")
    assert len(releases) <= 1
    return len(cells) == 4 * len(releases)


@pytest.mark.fault(
    "kill -9 while public counts are published, between ledger and counts", promises="P2 P3"
)
@pytest.mark.parametrize("place", MINE)
def test_killed_anywhere_counts_are_there_with_their_price_or_not_at_all(
    public_shop: PublicShop, place: str
) -> None:
    assert len(MINE) == 3
    _kill(_publish, public_shop.warehouse.url, public_shop.settings.model_dump(), place)
    is_committed = place == "publish_aggregates.after_commit"
    assert _is_whole(public_shop)
    assert public_shop.spent() == (0.2 if is_committed else 0)
    counts = public_shop.counts()
    receipt = public_shop.publish(MONDAYS[0])
    assert receipt.details["is_repeat"] == is_committed
    assert _is_whole(public_shop)
    assert public_shop.spent() == 0.2
    if is_committed:
        assert public_shop.counts() == counts


def test_a_ledger_that_is_written_alone_is_seen(public_shop: PublicShop) -> None:
    _kill(_publish_naively, public_shop.warehouse.url)
    assert not _is_whole(public_shop)
