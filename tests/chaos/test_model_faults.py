"""Hostile and swapped models: nothing of them runs, and the last good one serves."""

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path
from uuid import uuid4

import pytest

from retention_ml.models.bundle.bundle import FILES_MAX, Bundle
from retention_ml.models.promotion.apply import load_served_model
from retention_ml.models.registry import mlflow_registry as registry_module
from retention_ml.settings import Settings
from tests.chaos import hostile
from tests.chaos.counts import count
from tests.chaos.payloads import BUNDLE, Files, load_carelessly, payloads, sha256_of
from tests.models.conftest import settings_in
from tests.worlds.databases import NewWarehouse
from tests.worlds.registered import Shelf, a_bundle, shelf_of

TEXTS = count("hostile model texts")
AT_ONCE = 100  # of them read by one process, whose processor time is limited
NAMES = sorted(payloads({"manifest.json": b"{}", "x": b""}))


def _put(shelf: Shelf, files: Files, sha256: str, **tags: str) -> str:
    """Register files as they are, as anybody can who reaches the registry; the version."""
    folder = shelf.settings.home / f"put_{uuid4().hex}"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text)
    registry = shelf.registry
    with registry._request():
        run = registry._client.create_run(registry._experiment).info.run_id
        registry._client.log_artifacts(run, str(folder), "model")
        made = registry._client.create_model_version(
            "churn", f"runs:/{run}/model", run_id=run, tags={"bundle_sha256": sha256, **tags}
        )
    return str(made.version)


def _put_bundle(shelf: Shelf, bundle: Bundle) -> str:
    return _put(shelf, {BUNDLE + k: text for k, text in bundle.contents.items()}, bundle.sha256)


def _stored(shelf: Shelf, version: str) -> Path:
    """Where the registry keeps the bundle of a version."""
    run = {each.version: each.run_id for each in shelf.registry.versions()}[version]
    return Path(shelf.registry._client.get_run(run).info.artifact_uri) / "model" / BUNDLE


@pytest.fixture(scope="module")
def sound(stocked: Settings) -> Bundle:
    return a_bundle(stocked, 4)


@pytest.fixture(scope="module")
def stand(
    registry_database: Path,
    sound: Bundle,
    new_warehouse: NewWarehouse,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shelf]:
    """A registry of its own whose champion is version 1: what else comes here must not serve."""
    folder = tmp_path_factory.mktemp("stand")
    empty = settings_in(folder / "empty", registry_database)
    with new_warehouse() as warehouse:
        made = shelf_of(empty, warehouse, folder / "home")
        good = a_bundle(made.settings, 1)
        good.write(made.registry.folder / good.sha256)
        made.register(good)
        made.promote("1")
        yield made


# Code in the registry


def test_there_are_twenty_payloads_and_more() -> None:
    assert len(NAMES) >= 20


@pytest.mark.fault("code in the registry", promises="P5", row=25)
@pytest.mark.parametrize("name", NAMES)
def test_code_under_the_alias_never_runs_and_the_last_good_stays(
    stand: Shelf, sound: Bundle, name: str, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    files = payloads(sound.contents)[name](canary)
    version = _put(stand, files, sha256_of(files))
    stand.registry.set_alias("champion", version)
    assert stand.served() == "1"
    assert not canary.exists()
    assert stand.ledger()[-1] == (version, "refuse")
    # The control: loaded carelessly, the same files do what they are for.
    load_carelessly(files)
    assert canary.exists()


@pytest.mark.parametrize("name", ["a loader module of its own", "a python_model.pkl of MLflow"])
def test_code_beside_a_sound_bundle_never_runs_and_the_bundle_serves(
    shelf: Shelf,
    sound: Bundle,
    name: str,
    tmp_path: Path,
) -> None:
    canary = tmp_path / "canary"
    files = payloads(sound.contents)[name](canary)
    files |= {BUNDLE + each: text for each, text in sound.contents.items()}
    shelf.registry.set_alias("champion", _put(shelf, files, sound.sha256))
    assert shelf.served() == "4"
    assert not canary.exists()


def _link(folder: Path, to: Path) -> None:
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").symlink_to(to)


# Nothing here may be large: what a registry holds is copied.
SHAPES: dict[str, Callable[[Path], object]] = {
    "a link to a folder": lambda folder: _link(folder, Path(__file__).parent),
    "more files than any bundle has": lambda folder: [
        (folder / f"{n}.json").touch() for n in range(FILES_MAX)
    ],
    "no file at all": lambda folder: [path.unlink() for path in folder.iterdir()],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_bundle_that_is_no_folder_of_plain_files_is_refused(
    stand: Shelf, sound: Bundle, shape: str
) -> None:
    version = _put_bundle(stand, sound)
    SHAPES[shape](_stored(stand, version))
    stand.registry.set_alias("champion", version)
    assert stand.served() == "1"
    assert stand.ledger()[-1] == (version, "refuse")


UNREADABLE: dict[str, Callable[[Path], object]] = {
    "a link to a file elsewhere": lambda folder: _link(folder, Path(__file__)),
    "a link to nothing": lambda folder: _link(folder, folder / "nowhere"),
    "a named pipe": lambda folder: os.mkfifo(folder / "pipe"),
}


@pytest.mark.parametrize("shape", UNREADABLE)
def test_what_the_registry_cannot_hand_out_is_not_waited_for(
    stand: Shelf, sound: Bundle, shape: str, caplog: pytest.LogCaptureFixture
) -> None:
    version = _put_bundle(stand, sound)
    UNREADABLE[shape](_stored(stand, version))
    stand.registry.set_alias("champion", version)
    before = stand.ledger()
    assert stand.served() == "1"
    assert "The last good champion is used, because" in caplog.text
    assert stand.ledger() == before


def test_a_bundle_beyond_all_bounds_is_not_fetched(
    stand: Shelf, sound: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = _put_bundle(stand, sound)
    stand.registry.set_alias("champion", version)
    monkeypatch.setattr(registry_module, "TOTAL_BYTES_MAX", 1_000)
    assert stand.served() == "1"
    assert stand.ledger()[-1] == (version, "refuse")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("model_name", "a\0b"), ("model_name", ""), ("model_name", "x" * 1_000_000),
        ("training_id", "\ud800"), ("definition_hash", "a\0b"), ("as_of", "9" * 1_000_000),
    ],
)  # fmt: skip
def test_a_name_that_cannot_be_written_down_leaves_the_last_good(
    stand: Shelf, sound: Bundle, key: str, text: str
) -> None:
    manifest = json.dumps({**sound.manifest, key: text}).encode()
    files = {BUNDLE + name: text for name, text in sound.contents.items()}
    files[f"{BUNDLE}manifest.json"] = manifest
    version = _put(stand, files, sha256_of(files))
    stand.registry.set_alias("champion", version)
    assert stand.served() == "1"
    assert stand.ledger()[-1] == (version, "refuse")


def test_a_tag_that_cannot_be_written_down_leaves_the_last_good(stand: Shelf) -> None:
    version = _put(stand, {"x": b""}, "a" * 64, model_name="a\0b", note="a\0b")
    stand.registry.set_alias("champion", version)
    for _ in range(2):
        assert stand.served() == "1"
    assert stand.ledger()[-2:].count((version, "refuse")) == 1


# Files swapped after approval


@dataclass(frozen=True)
class Approved:
    """Version 4, that was promoted after version 1: its files here and in the registry."""

    shelf: Shelf
    bundle: Bundle
    cache: Path
    stored: Path

    def retag(self, sha256: str) -> None:
        self.shelf.registry._client.set_model_version_tag("churn", "4", "bundle_sha256", sha256)

    def swap(self, *folders: Path) -> str:
        """Another sound bundle in place of the approved one; its digest."""
        other = a_bundle(self.shelf.settings, 5)
        for folder in folders:
            for path in folder.iterdir():
                path.write_bytes(other.contents[path.name])
        return other.sha256


@pytest.fixture
def approved(shelf: Shelf, sound: Bundle) -> Approved:
    shelf.promote("1")
    cache = sound.write(shelf.registry.folder / sound.sha256)
    assert _put_bundle(shelf, sound) == "4"
    shelf.promote("4")
    return Approved(shelf, sound, cache, _stored(shelf, "4"))


def _weights(folder: Path) -> Path:
    return next(path for path in sorted(folder.iterdir()) if path.name != "manifest.json")


def _spoil(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-2] + b" " + content[-2:])


def _make_link(cache: Path, to: Path) -> None:
    shutil.copytree(cache, to)
    shutil.rmtree(cache)
    cache.mkdir()
    for path in to.iterdir():
        (cache / path.name).symlink_to(path)


HEALED: dict[str, Callable[[Approved], object]] = {
    "the manifest in the cache": lambda it: _spoil(it.cache / "manifest.json"),
    "the weights in the cache": lambda it: _spoil(_weights(it.cache)),
    "half of a file in the cache": lambda it: os.truncate(_weights(it.cache), 100),
    "a file more in the cache": lambda it: (it.cache / "model.pkl").write_bytes(b"x"),
    "a file less in the cache": lambda it: _weights(it.cache).unlink(),
    "another model in the cache": lambda it: it.swap(it.cache),
    "links in the cache": lambda it: _make_link(it.cache, it.cache.with_name("elsewhere")),
    "the registry, while the cache is sound": lambda it: it.swap(it.stored),
}
REFUSED: dict[str, Callable[[Approved], object]] = {
    "the manifest": lambda it: _spoil(it.stored / "manifest.json"),
    "the weights": lambda it: _spoil(_weights(it.stored)),
    "half of a file": lambda it: os.truncate(_weights(it.stored), 100),
    "a file more": lambda it: (it.stored / "model.pkl").write_bytes(b"x"),
    "a file less": lambda it: _weights(it.stored).unlink(),
    "all files": lambda it: shutil.rmtree(it.stored),
    "another model": lambda it: it.swap(it.stored),
    "another model and the tag": lambda it: it.retag(it.swap(it.stored)),
    "another model, the tag and the cache": lambda it: it.retag(it.swap(it.stored, it.cache)),
}


def test_there_are_ten_ways_to_swap_and_more() -> None:
    assert len(HEALED) + len(REFUSED) >= 10


@pytest.mark.parametrize("what", HEALED)
def test_a_swap_that_leaves_the_approved_files_somewhere_is_healed(
    approved: Approved, what: str
) -> None:
    HEALED[what](approved)
    served = load_served_model(approved.shelf.registry, approved.shelf.warehouse, "champion")
    assert served is not None
    assert (served.version, served.bundle.contents) == ("4", approved.bundle.contents)
    assert Bundle.load(approved.cache, approved.bundle.sha256).sha256 == approved.bundle.sha256
    assert approved.shelf.ledger() == [("1", "promote"), ("4", "promote")]


@pytest.mark.fault("model swapped after approval", promises="P5 P6", row=26)
@pytest.mark.parametrize("what", REFUSED)
def test_files_swapped_in_the_registry_are_refused_and_the_last_good_serves(
    approved: Approved, what: str
) -> None:
    REFUSED[what](approved)
    shutil.rmtree(approved.cache)
    assert approved.shelf.served() == "1"
    assert approved.shelf.ledger() == [("1", "promote"), ("4", "promote"), ("4", "refuse")]


def test_without_its_digest_the_swapped_model_would_serve(approved: Approved) -> None:
    """Negative control: all that speaks against it is the digest."""
    swapped = approved.swap(approved.stored)
    assert Bundle.load(approved.stored).sha256 == swapped


# Hostile text


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes of their own that find everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.chaos.hostile"])
    return context


@pytest.fixture(scope="module")
def texts() -> dict[str, hostile.Contents]:
    return hostile.originals()


@pytest.fixture(scope="module")
def answers(
    texts: dict[str, hostile.Contents],
    processes: ForkServerContext,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[int, str]:
    """What became of each mutation, read by processes that are replaced when they die."""
    folder = tmp_path_factory.mktemp("answers")
    answers_by_number: dict[int, str] = {}
    for begin in range(0, TEXTS, AT_ONCE):
        numbers = list(range(begin, min(begin + AT_ONCE, TEXTS)))
        while numbers:
            file = folder / uuid4().hex
            process = processes.Process(target=hostile.read, args=(texts, numbers, str(file)))
            process.start()
            process.join()
            lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
            answers_by_number |= dict(map(json.loads, lines))
            numbers = [number for number in numbers if number not in answers_by_number]
            if numbers:
                answers_by_number[numbers.pop(0)] = f"died by {process.exitcode}"
    return answers_by_number


def test_bundles_that_nobody_touched_are_served(
    texts: dict[str, hostile.Contents], tmp_path: Path
) -> None:
    few, many = hostile._written(tmp_path)
    for contents in texts.values():
        for sample in (few, many):
            assert hostile.answer_of(dict(contents), tmp_path / "bundle", sample) == hostile.SERVED


@pytest.mark.fault("hostile model text", promises="P5 P6", row=27, counted="hostile model texts")
def test_hostile_text_is_refused_in_words_or_gives_probabilities(answers: dict[int, str]) -> None:
    assert sorted(answers) == list(range(TEXTS))
    odd = {
        number: answer
        for number, answer in answers.items()
        if answer != hostile.SERVED and not answer.startswith("refused: ")
    }
    assert odd == {}
    refused = [answer for answer in answers.values() if answer != hostile.SERVED]
    assert all(answer.isprintable() and len(answer) < 600 for answer in refused)
    # Both happen: neither is everything refused unread, nor everything taken.
    assert TEXTS * 0.5 < len(refused) < TEXTS * 0.99
