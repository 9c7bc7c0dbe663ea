"""Events are written as their feed's files, which it reads back as they were sent."""

from pathlib import Path

import pytest

from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.description.source import Source
from retention_ml.errors import UsageError
from retention_ml.live.files import content, file_name, require_live
from retention_ml.settings import Settings
from tests.worlds.batches import with_source
from tests.worlds.live_shop import SOURCE


@pytest.fixture
def source(settings: Settings, tmp_path: Path) -> Source:
    return load_source(with_source(settings, tmp_path, SOURCE).sources, "shop")


@pytest.mark.parametrize("feed", ["lines", "clicks", "feedback"])
def test_a_batch_has_a_name_that_its_feed_alone_reads(source: Source, feed: str) -> None:
    assert source.matches(Path(file_name(source, feed, 7))) == (feed,)
    assert file_name(source, feed, 7) != file_name(source, feed, 8)
    assert require_live(source, feed) is source.feeds[feed]


@pytest.mark.parametrize(("feed", "words"), [("book", "its files are xlsx"), ("x", "no feed 'x'")])
def test_a_feed_that_is_no_text_of_rows_is_refused(source: Source, feed: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        require_live(source, feed)


def test_cells_are_written_as_the_reader_takes_them(source: Source) -> None:
    record = {
        "id": 'say "a, b"',
        "customer": 7,
        "time": None,
        "kind": True,
        "comment": "two\nlines",
        "x": 1,
    }
    assert content(source.feeds["feedback"], [record]) == (
        b'id,customer,time,kind,comment\n"say ""a, b""",7,,true,"two\nlines"\n'
    )


def test_equal_records_give_equal_bytes(source: Source) -> None:
    feed = source.feeds["clicks"]
    assert content(feed, [{"a": 1, "b": "é"}]) == content(feed, [{"b": "é", "a": 1}])
