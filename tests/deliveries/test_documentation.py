"""docs/sources.md says what the code does."""

import re
import tomllib

from retention_ml.deliveries.description.columns import Column
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.reasons import MEANINGS
from retention_ml.deliveries.source_names import source_names
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


def test_every_block_is_toml_and_the_smallest_description_is_valid(settings: Settings) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) > 8
    for block in blocks:
        tomllib.loads(block)
    smallest = re.search(r"## The smallest description\n\n```toml\n(.*?)```", TEXT, re.DOTALL)
    assert smallest is not None
    folder = settings.home / "sources"
    folder.mkdir(parents=True)
    (folder / "smallest.toml").write_text(smallest[1], encoding="utf-8")
    assert set(load_source(folder, "smallest").feeds) == {"lines"}


def test_every_code_of_a_refused_file_is_documented() -> None:
    listed = re.search(r"## Refused files\n(.*?)\n## ", TEXT, re.DOTALL)
    assert listed is not None
    codes = {
        code
        for path in (PROJECT / "retention_ml" / "deliveries").rglob("*.py")
        for call in re.findall(r"FileRefused\((.*?)\n\s*\)\n", path.read_text("utf-8"), re.DOTALL)
        for code in re.findall(r'"([a-z][a-z0-9_]+)",?$', call.strip())
    }
    assert len(codes) > 15
    assert {code for code in codes if f"`{code}`" not in listed[1]} == set()
