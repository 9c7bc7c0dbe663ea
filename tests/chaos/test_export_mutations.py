"""Files and descriptions with any fault: read, or refused in one sentence; never a traceback."""

import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retention_ml.deliveries.guess.guess import guess
from retention_ml.deliveries.inspect import check_files
from retention_ml.deliveries.land import land
from retention_ml.deliveries.stage import stage
from retention_ml.errors import AccountingError, RetentionError
from retention_ml.settings import Settings, load
from retention_ml.warehouse import Warehouse
from tests.chaos import descriptions, export_edits, exports
from tests.chaos.counts import count
from tests.chaos.exports import Export
from tests.worlds.databases import NewWarehouse

FILES = count("mutations of exports")
GUESSES = count("guesses of mutated exports")
DESCRIPTIONS = count("mutations of descriptions")
AT_ONCE = 20
FOREIGN = (
    "Value error", "validation error", "Input should", "Extra inputs", "pydantic", "Traceback",
    "duckdb", "pyarrow", "NoneType", "object at 0x", "<class",
)  # fmt: skip

Answer = tuple[str, str]


def _put(folder: Path, export: Export) -> Path:
    """The file and its description, as the source `shop`."""
    (folder / "shop.toml").write_text(export.description, encoding="utf-8")
    path = folder / export.file_name
    path.write_bytes(export.content)
    return path


def _faults_of(sentence: str) -> list[str]:
    """What keeps a text from being a sentence for people."""
    faults = [word for word in FOREIGN if word in sentence]
    if not sentence.isprintable():
        faults.append("signs that no terminal should get")
    if not 10 < len(sentence) < 3_000:
        faults.append(f"{len(sentence)} characters")
    return faults


def _answer(folder: Path, settings: Settings, export: Export) -> Answer:
    """What `sources check` says: a word, and the rows or the sentence.

    `fault` where it is anything but the counts of rows or a sentence of this library.
    """
    there = settings.model_copy(update={"sources": folder})

    def rows() -> str:
        report = check_files([_put(folder, export)], settings=there, source="shop")
        return str(report.feeds[0].rows)

    return _outcome(rows)


def _guess(folder: Path, settings: Settings, export: Export) -> Answer:
    """What `sources guess` says: a word, and the description or the sentence."""
    return _outcome(lambda: guess([_put(folder, export)], name="shop", settings=settings).toml)


def _outcome(deed: Callable[[], str]) -> Answer:
    try:
        text = deed()
    except RetentionError as error:
        sentence = str(error)
        if isinstance(error, AccountingError) or _faults_of(sentence):
            return "fault", f"{_faults_of(sentence)} {sentence}"
        return str(getattr(error, "reason_code", "description")), sentence
    except Exception:
        return "fault", traceback.format_exc()
    return "read", text


@pytest.fixture(scope="module")
def chaos_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load({"RETENTION_HOME": str(tmp_path_factory.mktemp("home"))})


@pytest.fixture(scope="module")
def staging_warehouse(new_warehouse: NewWarehouse) -> Iterator[Warehouse]:
    with new_warehouse() as warehouse:
        yield warehouse


@pytest.fixture(scope="module")
def answers(
    chaos_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> dict[int, Answer]:
    """What becomes of each mutated export."""
    folder = tmp_path_factory.mktemp("exports")
    return {n: _answer(folder, chaos_settings, export_edits.mutated(n)) for n in range(FILES)}


@pytest.mark.parametrize("kind", exports.originals())
def test_exports_that_nobody_touched_are_read(
    chaos_settings: Settings, tmp_path: Path, kind: str
) -> None:
    word, rows = _answer(tmp_path, chaos_settings, exports.originals()[kind])
    assert (word, int(rows) >= 30) == ("read", True), rows


def test_a_mutated_export_is_read_or_refused_in_words(answers: dict[int, Answer]) -> None:
    assert {n: text for n, (word, text) in answers.items() if word == "fault"} == {}
    words = Counter(word for word, _ in answers.values())
    assert words["description"] == 0, words
    # Both happen: neither is everything refused unread, nor everything taken.
    assert FILES * 0.3 < words["read"] < FILES * 0.95, words


@pytest.mark.fault(
    "the same files, given to `sources guess`", promises="P1", counted="guesses of mutated exports"
)
def test_a_mutated_export_is_guessed_or_refused_in_words(
    chaos_settings: Settings, tmp_path: Path
) -> None:
    answers = {n: _guess(tmp_path, chaos_settings, export_edits.mutated(n)) for n in range(GUESSES)}
    assert {n: text for n, (word, text) in answers.items() if word == "fault"} == {}
    words = Counter(word for word, _ in answers.values())
    assert words["read"] > GUESSES * 0.2, words


@pytest.mark.fault(
    "exports in every format and encoding with other texts, lines, marks, bytes, wrappings",
    promises="P1",
    row=(17, 18),
    counted="mutations of exports",
)
def test_of_mutated_exports_every_row_is_staged_or_counted(
    answers: dict[int, Answer],
    staging_warehouse: Warehouse,
    chaos_settings: Settings,
    tmp_path: Path,
) -> None:
    by_description: dict[str, list[int]] = {}
    for number in range(FILES):
        by_description.setdefault(export_edits.mutated(number).description, []).append(number)
    faults = {}
    for numbers in by_description.values():
        for begin in range(0, len(numbers), AT_ONCE):
            some = numbers[begin : begin + AT_ONCE]
            folder = tmp_path / str(some[0])
            folder.mkdir()
            settings = chaos_settings.model_copy(update={"sources": folder})
            try:
                rows, sentences = _stage(staging_warehouse, settings, some)
            except Exception:
                faults[some[0]] = (some, traceback.format_exc())
                continue
            expected = {n: int(answers[n][1]) for n in some if answers[n][0] == "read"}
            if rows != expected:
                faults[some[0]] = (rows, expected)
            if any(map(_faults_of, sentences)):
                faults[some[0]] = sentences
    assert faults == {}


def _stage(
    warehouse: Warehouse, settings: Settings, numbers: list[int]
) -> tuple[dict[int, int], list[str]]:
    """Rows of each export that could be read, by the ledger, and the sentences about the others."""
    folder, source = settings.sources, f"shop_{numbers[0]}"
    paths = {}
    for number in numbers:
        export = export_edits.mutated(number)
        (folder / f"{source}.toml").write_text(export.description, encoding="utf-8")
        stem, _, ending = export.file_name.partition(".")
        # No two alike: the same bytes would be recorded as repeated.
        paths[number] = folder / f"{stem}-{number}.{ending}"
        paths[number].write_bytes(export.content)
    landed = land(warehouse, settings=settings, source=source, files=list(paths.values()))
    sentences = list(landed.details["refused"])
    if landed.details["batch_id"] is not None:
        staged = stage(warehouse, settings=settings, batch_id=landed.details["batch_id"])
        sentences += staged.details["refused"]
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT d.delivery_id, d.delivered_count FROM raw.deliveries AS d "
            "WHERE d.source = :source AND d.status IN ('staged', 'repeated')",
            source=source,
        )
    by_id = dict(tuple(row) for row in rows)
    ids = dict(zip(numbers, landed.details["delivery_ids"], strict=True))
    return {n: by_id[ids[n]] for n in numbers if ids[n] in by_id}, sentences


def test_descriptions_that_nobody_touched_are_read(
    chaos_settings: Settings, tmp_path: Path
) -> None:
    assert len(descriptions.sound()) > 15
    for one in descriptions.sound():
        export = Export(one.file_name, one.description, one.content)
        word, sentence = _answer(tmp_path, chaos_settings, export)
        assert word not in ("fault", "description"), sentence


@pytest.mark.fault(
    "descriptions with other words, values, sections",
    promises="P1",
    counted="mutations of descriptions",
)
def test_a_mutated_description_is_read_or_refused_in_words(
    chaos_settings: Settings, tmp_path: Path
) -> None:
    answers = {}
    for number in range(DESCRIPTIONS):
        one = descriptions.mutated(number)
        export = Export(one.file_name, one.description, one.content)
        answers[number] = _answer(tmp_path, chaos_settings, export)
    assert {n: text for n, (word, text) in answers.items() if word == "fault"} == {}
    words = Counter(word for word, _ in answers.values())
    assert words["read"] > 0, words
    assert words["description"] > DESCRIPTIONS * 0.2, words
