"""The shipped weights, and how they hand over to a shop's own stars."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from retention_ml.errors import UnfitModel
from retention_ml.feedback.language import Language
from retention_ml.feedback.sentiment import OwnStars, Sentiment
from retention_ml.feedback.stars import TEXTS_MIN, fit_weights
from retention_ml.feedback.starter.shipped import FOLDER, shipped

ENGLISH = Language.ENGLISH
_SIGHS = [f"zorp {n} blee" for n in range(60)]
_CHEERS = [f"zorp {n} quux" for n in range(60)]


def _shares(sentiment: Sentiment, *texts: str, language: Language = ENGLISH) -> list[float]:
    shares = sentiment.shares(list(texts), [language] * len(texts))
    return [share for share in shares if share is not None]


def _stars() -> OwnStars:
    is_positive = np.array([False] * 60 + [True] * 60)
    stars = fit_weights([*_SIGHS, *_CHEERS], is_positive, ENGLISH)
    assert stars is not None
    return stars


def test_the_shipped_weights_are_small_and_plain() -> None:
    files = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    assert set(files) == {"en.f16", "lexicon.tsv", "manifest.json", "weights.sha256", "zh.f16"}
    assert sum(files.values()) <= 1_000_000


def test_pleased_texts_sound_better_than_annoyed_ones() -> None:
    sentiment = Sentiment(starter=shipped())
    good, bad, turned = _shares(
        sentiment, "Lovely, works great", "Awful, it broke at once", "not great at all"
    )
    assert good > 0.8 > 0.4 > bad
    assert good > turned
    pleased, annoyed = _shares(
        sentiment, "非常满意，质量很好", "太差了，很失望，退货", language=Language.CHINESE
    )
    assert pleased > 0.8 > 0.3 > annoyed


@pytest.mark.parametrize("file", ["zh.f16", "lexicon.tsv", "manifest.json"])
def test_damaged_weights_are_refused(tmp_path: Path, file: str) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(FOLDER, folder)
    assert shipped(folder).sha256 == shipped().sha256
    shipped.cache_clear()
    content = bytearray((folder / file).read_bytes())
    content[7] ^= 1
    (folder / file).write_bytes(content)
    with pytest.raises(UnfitModel, match=r"not as they were shipped .* Install the library anew\."):
        shipped(folder)
    (folder / file).unlink()
    with pytest.raises(UnfitModel, match="not as they were shipped"):
        shipped(folder)


def test_a_shops_own_words_count_more_the_more_stars_it_has() -> None:
    stars = _stars()
    assert stars.share == 120 / 420
    starter = Sentiment(starter=shipped())
    both = Sentiment(starter=shipped(), own_stars={ENGLISH: stars})
    before = _shares(starter, "quux", "blee")
    after = _shares(both, "quux", "blee")
    assert after[0] > before[0]
    assert after[1] < before[1]
    assert both.version(ENGLISH) == f"{starter.version(ENGLISH)}+own:{stars.sha256[:12]}"
    assert both.version(Language.CHINESE) == starter.version(Language.CHINESE)


def test_equal_stars_give_equal_weights() -> None:
    assert _stars().sha256 == _stars().sha256


def test_too_few_of_one_side_teach_nothing() -> None:
    is_positive = np.array([False] * (TEXTS_MIN - 1) + [True] * 60)
    texts = [*_SIGHS[: TEXTS_MIN - 1], *_CHEERS]
    assert fit_weights(texts, is_positive, ENGLISH) is None


def test_another_script_is_read_once_it_has_stars() -> None:
    texts = [f"плохо {n}" for n in range(40)] + [f"хорошо {n}" for n in range(40)]
    stars = fit_weights(texts, np.array([False] * 40 + [True] * 40), Language.OTHER)
    assert stars is not None
    languages = [Language.OTHER, Language.OTHER, Language.NONE]
    messages = ["хорошо", "плохо", ""]
    assert Sentiment(starter=shipped()).shares(messages, languages) == [None] * 3
    good, bad, none = Sentiment(starter=shipped(), own_stars={Language.OTHER: stars}).shares(
        messages, languages
    )
    assert none is None
    assert good is not None
    assert bad is not None
    assert good > 0.5 > bad
