"""Source descriptions: what loads, what is refused, and which feed a file belongs to."""

import re
from pathlib import Path

import pytest

from retention_ml import tables
from retention_ml.deliveries.description.loading import load_source, source_names
from retention_ml.deliveries.description.rules import LineKind, OrderKind
from retention_ml.deliveries.reasons import MEANINGS, Reason, meaning
from retention_ml.errors import FileRefused, SettingsError, UnknownSource
from retention_ml.settings import PROJECT
from tests.worlds.feeds import SHOP

SHIPPED = {"cdnow", "clickstream", "complete_journey", "online_retail_ii", "simulated"}


def test_the_shipped_descriptions_are_these() -> None:
    assert set(source_names(PROJECT / "sources")) == SHIPPED


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_every_shipped_description_loads(name: str) -> None:
    assert load_source(PROJECT / "sources", name).feeds


def test_an_unknown_source_lists_those_there_are(folder: Path) -> None:
    with pytest.raises(UnknownSource, match="no source 'shp'; known are shop"):
        load_source(folder, "shp")


def test_a_path_is_no_source_name(folder: Path) -> None:
    with pytest.raises(UnknownSource):
        load_source(folder / "inner", "../shop")


def test_a_file_of_no_feed_is_refused_with_the_patterns(folder: Path) -> None:
    source = load_source(folder, "shop")
    assert source.match(Path("lines-2026.csv")) == "lines"
    with pytest.raises(FileRefused, match=r"orders.csv belongs to no feed of shop .*lines\*.csv"):
        source.match(Path("orders.csv"))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('timezone = "Europe/London"', 'timezone = "London"', "no IANA time zone"),
        (
            'currency = "GBP"',
            'currency = "GBP"\ncolour = "red"',
            "line 5: colour: unknown key 'colour'",
        ),
        ('order_id = "order"', 'basket = "order"', "'basket' is no column of order_lines"),
        ('order_id = "order"\n', "", "order_lines needs the column order_id"),
        ('kind = "cancellation"', 'kind = "void"', "'void' is no kind of order_lines"),
        ('quantity = "< 0"', 'quantity = "negative"', "expected a comparison such as '< 0'"),
        ('order_id = "^C"', 'order_id = "^(C"', "is no regular expression"),
        ('order_id = "^C"', 'event_at = "^2026"', "the condition on event_at is '^2026'"),
        ('because = "Orders that begin with T are tests."', "", "needs `because`"),
        ('table = "products"', 'table = "articles"', "'articles' is no table"),
        ('title = "A shop"', 'title = "A shop', "is no valid TOML"),
        ('title = "A shop"', 'title = "A shop"\nname = "x"', "sets `name`"),
        (
            'unit_price_cents = { column = "price"',
            'unit_price_cents = { column = "price", constant = "1"',
            "exactly one of",
        ),
    ],
)
def test_a_wrong_description_is_refused_in_a_sentence(
    folder: Path, old: str, new: str, words: str
) -> None:
    assert old in SHOP
    (folder / "shop.toml").write_text(SHOP.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SettingsError, match=re.escape(words)):
        load_source(folder, "shop")


def test_the_mapping_digest_follows_the_meaning_not_the_comments(folder: Path) -> None:
    before = load_source(folder, "shop").mapping_sha256
    (folder / "shop.toml").write_text("# a comment\n" + SHOP, encoding="utf-8")
    assert load_source(folder, "shop").mapping_sha256 == before
    (folder / "shop.toml").write_text(SHOP.replace('"^C"', '"^K"'), encoding="utf-8")
    assert load_source(folder, "shop").mapping_sha256 != before


def test_every_reason_has_its_meaning() -> None:
    assert set(MEANINGS) == set(Reason)
    assert all(sentence.endswith(".") for sentence in MEANINGS.values())


def test_a_declared_reason_is_explained_by_its_source(folder: Path) -> None:
    declared = load_source(folder, "shop").declared_reasons()
    assert meaning("test_order", declared) == "Orders that begin with T are tests."
    assert "no longer explains" in meaning("test_order")


def test_the_kinds_are_those_of_the_tables() -> None:
    assert set(LineKind) == set(tables.CLOSED_SETS["order_lines", "kind"])
    assert set(OrderKind) == set(tables.CLOSED_SETS["orders", "kind"])
