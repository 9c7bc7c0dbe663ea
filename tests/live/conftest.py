"""A shop whose published day is today, made once; each test has a copy of its database."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import date
from pathlib import Path

import pytest

from retention_ml.settings import Settings, load
from tests.worlds.databases import NewWarehouse, copy_of
from tests.worlds.live_shop import LiveShop, live_shop, now, opened

Fill = Callable[[LiveShop], None]
NewShop = Callable[[Fill, Settings, Path], AbstractContextManager[LiveShop]]


@pytest.fixture(scope="session")
def new_shop(
    new_warehouse: NewWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NewShop]:
    """Makes a copy of the shop of today to which something was done, to be used in a `with`."""
    with ExitStack() as made:
        originals: dict[tuple[date, Fill], LiveShop] = {}

        def original(fill: Fill) -> LiveShop:
            today = now().date()  # another one after midnight
            if (today, fill) not in originals:
                folder = tmp_path_factory.mktemp("live")
                settings = load({"RETENTION_HOME": str(folder / "home")})
                shop = live_shop(made.enter_context(new_warehouse()), settings, folder)
                fill(shop)
                shop.warehouse.close()
                originals[today, fill] = shop
            return originals[today, fill]

        @contextmanager
        def copied(fill: Fill, settings: Settings, folder: Path) -> Iterator[LiveShop]:
            shop = original(fill)
            with copy_of(shop.warehouse.url) as warehouse:
                yield opened(warehouse, settings, folder, shop.today)

        yield copied


def _as_it_is(_shop: LiveShop) -> None:
    pass


@pytest.fixture
def shop(new_shop: NewShop, settings: Settings, tmp_path: Path) -> Iterator[LiveShop]:
    """Scored and published for today; nothing was sent yet."""
    with new_shop(_as_it_is, settings, tmp_path) as copy:
        yield copy
