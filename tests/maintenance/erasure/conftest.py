"""A filled shop, made once for each kind of warehouse; each test has a copy of its database and home."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from retention_ml.deliveries import unpacking
from retention_ml.deliveries.sealing.stored_file import StoredFile
from retention_ml.keys import Keyring
from retention_ml.privacy.register import Kind, columns_of
from tests.people.conftest import Shop, numbers_in, settings_of, shop_files, take_in
from tests.worlds.databases import NewWarehouse, copy_of

__all__ = ["shop_files"]

FEEDBACK = "feedback_id,customer_id,given_at,kind,rating,product_id,comment\n"
EVENTS = "event_at,customer_id,session_id,event_type,product_id,detail\n"
FORGOTTEN = 20
MARK = "MRKNAME"


@dataclass(frozen=True)
class Filled(Shop):
    """A shop in which the first `FORGOTTEN` of `numbers` left comments and broken rows."""

    @property
    def gone(self) -> tuple[str, ...]:
        """The numbers of those who are forgotten."""
        return self.numbers[:FORGOTTEN]

    @property
    def others(self) -> tuple[str, ...]:
        """The numbers of all others."""
        return self.numbers[FORGOTTEN:]

    def deliver(self, name: str, text: str) -> Path:
        """A file of the shop, beside its home."""
        path = self.settings.home.parent / name
        path.write_text(text, encoding="utf-8")
        return path

    def archived(self) -> dict[str, str]:
        """A digest of the content of each archived file that can be read."""
        keyring = Keyring.of(self.settings)
        return {
            path.name: hashlib.sha256(
                b"".join(unpacking.pieces(StoredFile(path, path.name, keyring), path.name))
            ).hexdigest()
            for path in (self.settings.home / "landing").glob("??/*")
        }

    def rows_of_others(self, gone: set[str]) -> dict[str, str]:
        """By table, a digest of all rows of customers whose ids are not `gone`."""
        digests = {}
        with self.warehouse.transaction() as transaction:
            for column in columns_of(Kind.ID):
                [[digest]] = transaction.execute(
                    f"SELECT md5(string_agg(stored::text, '|' ORDER BY stored::text)) "
                    f"FROM {column.table} AS stored "
                    f"WHERE {column.column} IS NULL OR {column.column} <> ALL(:gone)",
                    gone=sorted(gone),
                )
                digests[column.table] = digest
        return digests

    def state(self) -> dict[str, object]:
        """All that must be the same wherever forgetting was stopped on the way."""
        tables = [column.table for column in columns_of(Kind.ID)]
        names = dict.fromkeys([*tables, "raw.deliveries", "raw.batches", "quarantine.rows"])
        contents = {
            table: self.values(f"SELECT stored::text FROM {table} AS stored ORDER BY 1")
            for table in names
        }
        marks = self.values(
            "SELECT tombstone || (erased_at IS NOT NULL) FROM privacy.tombstones ORDER BY 1"
        )
        return {**contents, "tombstones": marks, "archive": self.archived()}


def _plant(shop: Filled) -> None:
    """A comment of two lines for each of the first, and a row of theirs and one of others' in quarantine."""
    lines = [
        f'X{i},{number},2024-03-02 10:00:00,review,5,P10180,"{MARK}{i} said\nso, {number}"\n'
        for i, number in enumerate((*shop.gone, *shop.others[:5]))
    ]
    broken = [f"no time,{number},7,login,,\n" for number in (*shop.gone[:4], *shop.others[:4])]
    halves = [f"2024-03-02 10:00:00,{shop.gone[0]},7\n"]
    files = (
        shop.deliver("feedback_planted.csv", FEEDBACK + "".join(lines)),
        shop.deliver("events_planted.csv", EVENTS + "".join([*broken, *halves])),
        shop.deliver(
            f"events_{shop.gone[0]}.csv", EVENTS + f"2024-03-02 11:00:00,{shop.gone[0]},8,login,,\n"
        ),
    )
    take_in(shop.warehouse, shop.settings, files)


@contextmanager
def _filled(
    new_warehouse: NewWarehouse, files: tuple[Path, ...], folder: Path, *, pseudonyms: bool
) -> Iterator[Filled]:
    settings = settings_of(folder / "home", pseudonyms=pseudonyms)
    with new_warehouse() as warehouse:
        shop = Filled(warehouse, settings, files, numbers_in(files))
        take_in(warehouse, settings, files)
        _plant(shop)
        warehouse.close()  # nobody may be connected to what is copied
        yield shop


@pytest.fixture(scope="session", params=["numbers", "pseudonyms"])
def original(
    request: pytest.FixtureRequest,
    new_warehouse: NewWarehouse,
    shop_files: tuple[Path, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Filled]:
    """A filled shop that no test changes."""
    folder = tmp_path_factory.mktemp("filled")
    is_pseudonymous = request.param == "pseudonyms"
    with _filled(new_warehouse, shop_files, folder, pseudonyms=is_pseudonymous) as shop:
        yield shop


@pytest.fixture(scope="session")
def numbers_filled(
    new_warehouse: NewWarehouse,
    shop_files: tuple[Path, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Filled]:
    """One with customer numbers alone."""
    folder = tmp_path_factory.mktemp("numbers")
    with _filled(new_warehouse, shop_files, folder, pseudonyms=False) as shop:
        yield shop


@contextmanager
def copied(original: Filled, folder: Path) -> Iterator[Filled]:
    """A copy of a shop: its database and its home."""
    home = folder / "home"
    shutil.copytree(original.settings.home, home)
    with copy_of(original.warehouse.url) as warehouse:
        settings = original.settings.model_copy(update={"home": home})
        yield replace(original, warehouse=warehouse, settings=settings)


@pytest.fixture
def filled(original: Filled, tmp_path: Path) -> Iterator[Filled]:
    """A filled shop of the test's own."""
    with copied(original, tmp_path) as shop:
        yield shop
