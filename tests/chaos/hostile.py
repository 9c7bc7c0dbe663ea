"""Hostile model text, and a process that reads many of them as `models.child` reads one."""

import json
import os
import random
import shutil
import tempfile
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather

from retention_ml.models.bundle import sandbox
from retention_ml.models.bundle.bundle import Bundle, digest
from retention_ml.models.bundle.starter import shipped
from retention_ml.models.bundle.timing import fit as fit_timing
from retention_ml.models.predictors.blend import Blend, Member
from retention_ml.models.predictors.seasonal import FEATURES as SEASON
from retention_ml.models.predictors.seasonal import Seasonal
from retention_ml.models.training.candidates import candidate
from retention_ml.models.training.fitting import FitContext
from tests.worlds.samples import rows

Contents = dict[str, bytes]

SERVED = "served"
_NUMBERS = (
    "-1", "0", "1", "2", "7", "255", "65536", "2147483648", "99999999999999999999", "1e308",
    "-1e308", "1e999", "1e-320", "NaN", "Infinity", "-Infinity", "nan", "inf", "0x7f", "1_000",
    "9" * 5_000, "-0.0", "",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, "", "x" * 100_000, "__import__('os').abort()", [], {}, [[]], [[1.0]], [None], -1,
    1e308, -1e308, 1e-320, 2**63, 10**400, float("nan"), float("inf"), [0.5] * 5_000,
    {"__reduce__": ["os.abort", []]}, "\ud800", ["a", "a"],
)  # fmt: skip


def originals() -> dict[str, Contents]:
    """Small sound bundles of every kind, with the timing that trained ones carry."""
    sample = rows(500, seed=3)
    timing = fit_timing(sample.histories, lead_days=0, horizon_days=28).to_dict()
    fitted = {
        name: candidate(name).fit(sample, FitContext(seed=1, threads=1))
        for name in ("recency", "logistic", "bg_nbd", "lightgbm_default")
    }
    members = [
        Member(name=name, predictor=one.predictor, features=one.features, weight=0.3)
        for name, one in fitted.items()
    ]
    season = Seasonal(phases=np.array([0.1, 0.5, 0.8]), log_odds=np.array([0.1, -0.1, 0.0]))
    members.append(Member(name="season", predictor=season, features=SEASON, weight=1.0))
    features = (*sample.features, *SEASON)
    bundles = {
        name: one.to_bundle(name, timing=timing, definition_hash="d")
        for name, one in fitted.items()
    }
    bundles["blend"] = Bundle.of(
        Blend(members=tuple(members), features=features, intercept=0.1),
        model_name="blend", features=features, slope=1.0, intercept=0.0, timing=timing,
    )  # fmt: skip
    bundles["starter"] = shipped.shipped()
    return {name: dict(bundle.contents) for name, bundle in bundles.items()}


def mutated(sound: dict[str, Contents], number: int) -> Contents:
    """One of the sound bundles after the mutation of that number, always the same one."""
    draw = random.Random(f"hostile {number}")
    contents = dict(sound[sorted(sound)[number % len(sound)]])
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        if not contents:
            return contents
        name = draw.choice(sorted(contents))
        if draw.random() < 0.1:
            _about_files(draw, contents, name, sound)
        else:
            contents[name] = draw.choice(_EDITS)(draw, contents[name])
    return contents


def _flip(draw: random.Random, text: bytes) -> bytes:
    edited = bytearray(text)
    for _ in range(draw.choice((1, 1, 3, 20)) if edited else 0):
        edited[draw.randrange(len(edited))] ^= 1 << draw.randrange(8)
    return bytes(edited)


def _cut(draw: random.Random, text: bytes) -> bytes:
    begin, end = _span(draw, text)
    return draw.choice((text[:begin] + text[end:], text[:begin], text[begin:]))


def _repeat(draw: random.Random, text: bytes) -> bytes:
    begin, end = _span(draw, text)
    times = min(draw.choice((1, 1, 50)), 2_000_000 // (end - begin + 1) + 1)
    return text[:end] + text[begin:end] * times + text[end:]


def _repeat_lines(draw: random.Random, text: bytes) -> bytes:
    lines = text.split(b"\n")
    at = draw.randrange(len(lines))
    to = min(at + draw.choice((1, 2, 20)), len(lines))
    return b"\n".join(
        draw.choice((lines[:to] + lines[at:], lines[:at] + lines[to:], sorted(lines), lines[::-1]))
    )


def _renumber(draw: random.Random, text: bytes) -> bytes:
    """One number becomes another: what is left of the syntax is sound."""
    pieces = _pieces(text.decode("utf-8", "replace"))
    places = [at for at, piece in enumerate(pieces) if piece[0].isdigit()]
    for at in draw.sample(places, min(len(places), draw.choice((1, 1, 2, 30)))):
        pieces[at] = draw.choice((draw.choice(_NUMBERS), str(draw.randrange(-40, 400))))
    return "".join(pieces).encode()


def _pieces(text: str) -> list[str]:
    import re

    return [piece for piece in re.split(r"([0-9][0-9.]*(?:e[-+]?[0-9]+)?)", text) if piece]


def _nest(draw: random.Random, text: bytes) -> bytes:
    at, depth = draw.randrange(len(text) + 1), draw.choice((10, 1_000, 200_000))
    return text[:at] + draw.choice((b"[", b'{"a":', b"(", b"[[],")) * depth + text[at:]


def _replace_value(draw: random.Random, text: bytes) -> bytes:
    """One value of a JSON text becomes something else."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return _renumber(draw, text)
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        # Long lists of numbers would leave nothing of the rest.
        for key in keys if len(keys) < 30 else draw.sample(list(keys), 5):
            places.append((value, key))
            if isinstance(value[key], dict | list):
                walk(value[key])

    if isinstance(content, dict | list):
        walk(content)
    if not places:
        return _flip(draw, text)
    holder, key = draw.choice(places)
    if isinstance(holder, dict) and draw.random() < 0.2:
        del holder[key]
    else:
        holder[key] = draw.choice((*_VALUES, [holder[key]], [holder[key]] * 40, str(holder[key])))
    return json.dumps(content).encode()


def _encode_otherwise(draw: random.Random, text: bytes) -> bytes:
    return draw.choice(
        (b"\xef\xbb\xbf" + text, text.decode("utf-8", "replace").encode("utf-16"), b"", b"null",
         text.replace(b"\n", b"\r\n"), text.replace(b" ", b"\0"), text[::-1])
    )  # fmt: skip


_EDITS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _flip, _flip, _cut, _repeat, _repeat_lines, _renumber, _renumber, _renumber, _nest,
    _replace_value, _replace_value, _replace_value, _encode_otherwise,
)  # fmt: skip


def _about_files(
    draw: random.Random, contents: Contents, name: str, sound: dict[str, Contents]
) -> None:
    """A file less, one more, one under another's name, or the file of another bundle."""
    other = sound[draw.choice(sorted(sound))]
    deed = draw.randrange(5)
    if deed == 0:
        del contents[name]
    elif deed == 1:
        contents[draw.choice(("model_9.lgb", "x.pkl", "MLmodel", "blend.json", "n" * 200))] = (
            contents[name]
        )
    elif deed == 2:
        contents[draw.choice(sorted(contents))] = contents[name]
    elif deed == 3:
        contents[name] = other[draw.choice(sorted(other))]
    else:
        contents["manifest.json"] = other["manifest.json"]


def _span(draw: random.Random, text: bytes) -> tuple[int, int]:
    begin = draw.randrange(len(text) + 1)
    return begin, min(len(text), begin + draw.choice((1, 8, 200, 5_000)))


def samples() -> tuple[pa.Table, pa.Table]:
    """Few and many customers: explanations of a thousand go by another way."""
    return _customers(60), _customers(1_000)


def _customers(count: int) -> pa.Table:
    sample = rows(count, seed=9)
    draw = np.random.default_rng(4)
    columns = {name: sample.values[:, j] for j, name in enumerate(sample.features)}
    for name in (*SEASON, *shipped.shipped().features):
        columns.setdefault(name, np.floor(draw.gamma(2, 20, count)))
    return pa.table(
        {name: pa.array(value, mask=np.isnan(value)) for name, value in columns.items()}
    )


def read(sound: dict[str, Contents], numbers: Sequence[int], answers: str) -> None:
    """What becomes of the mutations of these numbers, a line each: what a child process runs."""
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    warnings.simplefilter("ignore")
    sandbox._limit()
    with tempfile.TemporaryDirectory() as scratch:
        tables = _written(Path(scratch))
        with Path(answers).open("a", encoding="utf-8") as file:
            for number in numbers:
                answer = answer_of(
                    mutated(sound, number), Path(scratch) / "bundle", tables[number % 8 == 0]
                )
                file.write(json.dumps([number, answer]) + "\n")
                file.flush()


@cache
def _written(folder: Path) -> tuple[Path, Path]:
    places = (folder / "few.arrow", folder / "many.arrow")
    for place, table in zip(places, samples(), strict=True):
        feather.write_feather(table, str(place), compression="uncompressed")
    return places


def answer_of(contents: Contents, folder: Path, sample: Path) -> str:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, text in contents.items():
        (folder / name).write_bytes(text)
    sha256 = digest(contents)
    try:
        fault = sandbox._examine(folder, sha256, sample)
    except BaseException as error:
        return f"raised {type(error).__name__}: {str(error)[:200]}"
    if fault is not None:
        return f"refused: {fault}"
    probability = Bundle.load(folder, sha256).predict(feather.read_table(str(sample)))
    sane = (
        len(probability)
        and np.isfinite(probability).all()
        and probability.min() >= 0
        and probability.max() <= 1
    )
    return SERVED if sane else "served something else than probabilities"
