"""The starter's weights as they lie in the library: plain numbers with one digest."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from retention_ml.errors import UnfitModel
from retention_ml.feedback.grams import BUCKETS
from retention_ml.feedback.language import Language
from retention_ml.statistics.arrays import Floats

FOLDER = Path(__file__).resolve().parent / "weights"
MANIFEST, LEXICON, DIGEST = "manifest.json", "lexicon.tsv", "weights.sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How the parts of one language add up to log-odds."""

    intercept: float
    grams: float
    valence: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """Weights of hashed runs by language, rated English words, and how they are added."""

    weights: Mapping[Language, Floats]
    scales: Mapping[Language, Scale]
    lexicon: Mapping[str, float]
    sha256: str


def weights_file(language: Language) -> str:
    """The file of a language's weights: little-endian float16, one per bucket."""
    return f"{language}.f16"


def digest(folder: Path) -> str:
    """The SHA-256 of the names and contents of the files of a starter."""
    total = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.name != DIGEST and not path.name.startswith("."):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            total.update(f"{path.name} {content}\n".encode())
    return total.hexdigest()


@lru_cache(maxsize=2)
def shipped(folder: Path = FOLDER) -> Starter:
    """The starter that `benchmarks/feedback_starter.py` wrote, its digest checked.

    Raises
    ------
    UnfitModel
        It is damaged or was changed.
    """
    try:
        expected = (folder / DIGEST).read_text(encoding="ascii").strip()
        if (sha256 := digest(folder)) != expected:
            raise UnfitModel(f"its digest is {sha256[:12]}, expected was {expected[:12]}")
        return _load(folder, sha256)
    except (KeyError, OSError, TypeError, UnfitModel, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error).rstrip(".")
        raise UnfitModel(
            f"The shipped weights for messages are not as they were shipped ({why}). No message is "
            "read with them. Install the library anew."
        ) from error


def _load(folder: Path, sha256: str) -> Starter:
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    rows = (folder / LEXICON).read_text(encoding="utf-8").splitlines()
    weights = {}
    for language in map(Language, manifest["scales"]):
        stored = np.frombuffer((folder / weights_file(language)).read_bytes(), dtype="<f2")
        if stored.shape != (BUCKETS[language],) or not np.isfinite(stored).all():
            raise UnfitModel(f"{weights_file(language)} holds no {BUCKETS[language]:,} numbers")
        weights[language] = stored.astype(np.float64)
    return Starter(
        weights=weights,
        scales={Language(name): Scale(**scale) for name, scale in manifest["scales"].items()},
        lexicon={word: float(rating) for word, _, rating in (row.partition("\t") for row in rows)},
        sha256=sha256,
    )
