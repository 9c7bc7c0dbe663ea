"""docs/sources.md says what the code does."""

import re

from retention_ml.deliveries.mapping import Column
from retention_ml.deliveries.reasons import MEANINGS
from retention_ml.deliveries.sources import Feed, Source, load_source, source_names
from retention_ml.settings import PROJECT, Settings

TEXT = (PROJECT / "docs" / "sources.md").read_text(encoding="utf-8")


def test_the_full_example_is_a_valid_description(settings: Settings) -> None:
    example = re.search(r"## A full example\n\n```toml\n(.*?)```", TEXT, re.DOTALL)
    assert example is not None
    folder = settings.home / "sources"
    folder.mkdir(parents=True)
    (folder / "my_shop.toml").write_text(example[1], encoding="utf-8")
    source = load_source(folder, "my_shop")
    assert set(source.feeds) == {"lines", "mailings", "clicks", "ratings"}


def test_every_reason_is_documented_with_its_meaning() -> None:
    assert MEANINGS
    for code, sentence in MEANINGS.items():
        assert f"| `{code}` | {sentence} |" in TEXT


def test_every_key_of_a_description_is_documented() -> None:
    for section in (Source, Feed, Column):
        for key in set(section.model_fields) - {"name", "feeds"}:
            assert key in TEXT, f"docs/sources.md does not mention {key}"


def test_every_shipped_description_is_named() -> None:
    names = source_names(PROJECT / "sources")
    assert names
    for name in names:
        assert f"`{name}`" in TEXT
