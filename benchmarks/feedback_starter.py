"""Makes the weights shipped in `retention_ml/feedback/starter`: `python -m benchmarks.feedback_starter`.

Chinese: runs of one to three characters, learnt on reviews of books and hotels. English: rated words,
and runs of one and two words learnt on film reviews and rated sentences; Amazon's sentences are left
out, they are what the starter is tested on. How much each part counts is fitted on texts that its
weights have not met. The same packages give the same bytes.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.feedback_texts import Rated, chinese, films, lexicon, packages, snippets
from retention_ml.feedback.cleaning import clean
from retention_ml.feedback.grams import BUCKETS, buckets_of, weigh, words_of
from retention_ml.feedback.language import Language
from retention_ml.feedback.stars import logistic
from retention_ml.feedback.starter import shipped
from retention_ml.feedback.starter.shipped import Scale
from retention_ml.feedback.valence import valence
from retention_ml.statistics.arrays import Bools, Floats, Ints

_STRENGTH = {Language.CHINESE: 10.0, Language.ENGLISH: 1.0}
_SEED = 1
_FOLDS = 5

Texts = tuple[list[str], list[Ints], Bools]


def _read(rated: Rated, language: Language) -> Texts:
    texts = [clean(text) for text, _ in rated]
    runs = [buckets_of(text, language) for text in texts]
    return texts, runs, np.array([is_positive for _, is_positive in rated])


def _fit(runs: Sequence[Ints], truth: Bools, language: Language) -> Floats:
    weights, _ = logistic(runs, truth, BUCKETS[language], _STRENGTH[language], _SEED)
    return weights.astype("<f2").astype(np.float64)


def _scale(parts: Floats, truth: Bools) -> Floats:
    """Intercept and a slope per part, by a logistic regression without a penalty."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e6, solver="lbfgs").fit(parts, truth)
    return np.concatenate([model.intercept_, model.coef_[0]])


def chinese_part(folder: Path) -> tuple[Floats, Scale]:
    """Weights of runs of characters, scaled on folds."""
    language = Language.CHINESE
    train, _ = chinese(folder)
    _, runs, truth = _read(train, language)
    fold = np.random.default_rng(_SEED).integers(_FOLDS, size=len(runs))
    margin = np.zeros(len(runs))
    for number in range(_FOLDS):
        test = np.flatnonzero(fold == number)
        rest = np.flatnonzero(fold != number)
        weights = _fit([runs[place] for place in rest], truth[rest], language)
        margin[test] = weigh([runs[place] for place in test], weights)
    intercept, slope = _scale(margin[:, None], truth)
    return _fit(runs, truth, language), Scale(intercept=float(intercept), grams=float(slope))


def english_part(folder: Path, rated_words: dict[str, float]) -> tuple[Floats, Scale]:
    """Weights of runs of words, and how much they and rated words count, scaled across kinds."""
    language = Language.ENGLISH
    kinds = {
        kind: _read(snippets(folder, kind), language)
        for kind in ("movieReview", "nytEditorial", "tweets")
    }
    kinds["films"] = _read(films(folder), language)
    margins, ratings, truths = [], [], []
    for kind in ("movieReview", "nytEditorial", "tweets"):
        others = [name for name in kinds if name != kind]
        weights = _fit(
            [runs for name in others for runs in kinds[name][1]],
            np.concatenate([kinds[name][2] for name in others]),
            language,
        )
        texts, runs, truth = kinds[kind]
        margins.append(weigh(runs, weights))
        ratings.append(np.array([valence(words_of(text), rated_words) for text in texts]))
        truths.append(truth)
    parts = np.column_stack([np.concatenate(margins), np.concatenate(ratings)])
    intercept, slope, rating = _scale(parts, np.concatenate(truths))
    weights = _fit(
        [runs for _, each, _ in kinds.values() for runs in each],
        np.concatenate([truth for *_, truth in kinds.values()]),
        language,
    )
    return weights, Scale(intercept=float(intercept), grams=float(slope), valence=float(rating))


def write(folder: Path, target: Path) -> None:
    """Fit from the packages in `folder` and write the files of the starter."""
    rated_words = {
        word: rating for word, rating in sorted(lexicon(folder).items()) if words_of(word) == [word]
    }
    parts = {
        Language.CHINESE: chinese_part(folder),
        Language.ENGLISH: english_part(folder, rated_words),
    }
    target.mkdir(parents=True, exist_ok=True)
    for language, (weights, _) in parts.items():
        (target / shipped.weights_file(language)).write_bytes(weights.astype("<f2").tobytes())
    rows = "".join(f"{word}\t{rating:g}\n" for word, rating in rated_words.items())
    (target / shipped.LEXICON).write_text(rows, encoding="utf-8")
    scales = {
        str(language): {name: round(value, 4) for name, value in asdict(scale).items()}
        for language, (_, scale) in parts.items()
    }
    manifest = {"version": 1, "scales": scales}
    (target / shipped.MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    (target / shipped.DIGEST).write_text(shipped.digest(target) + "\n", encoding="ascii")


def main() -> None:
    """Write the weights, to the library or to another folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=Path, help="a folder with the packages; else downloaded")
    parser.add_argument("--to", type=Path, default=shipped.FOLDER)
    arguments = parser.parse_args()
    with packages(arguments.packages) as folder:
        write(folder, arguments.to)
    sizes = {path.name: path.stat().st_size for path in sorted(arguments.to.iterdir())}
    print(f"{sum(sizes.values()):,} bytes: {sizes}")


if __name__ == "__main__":
    main()
