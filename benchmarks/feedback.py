"""What messages say, measured: `python -m benchmarks.feedback [sentiment topics speed]`.

Sentiment needs the packages named in `benchmarks.feedback_texts`; they are downloaded into a temporary
folder, or read from the one named by `--packages`. Topics are measured on sentences written by hand
(`benchmarks/feedback_topics.tsv`): `before` the lists of words, for `tuning` them, and `after` them,
these on purpose without their words.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import numpy as np

from benchmarks.feedback_texts import Rated, chinese, lexicon, packages, snippets
from retention_ml.feedback.cleaning import clean
from retention_ml.feedback.grams import buckets_of, words_of
from retention_ml.feedback.language import Language, language_of
from retention_ml.feedback.sentiment import Sentiment, starter_log_odds
from retention_ml.feedback.stars import fit_weights
from retention_ml.feedback.starter.shipped import shipped
from retention_ml.feedback.topics import OTHER, load_topics
from retention_ml.feedback.valence import valence
from retention_ml.statistics.arrays import Bools, Floats, sigmoid
from retention_ml.statistics.metrics import score

_MESSAGES = Path(__file__).resolve().parent / "feedback_topics.tsv"
_OWN_COUNTS = (100, 300, 1_000, 2_000)
_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A sentence and what it is about."""

    group: str
    topic: str
    language: str
    text: str


def read_messages(*groups: str) -> list[Message]:
    """The sentences of some groups; all without."""
    rows = (line.split("\t") for line in _MESSAGES.read_text(encoding="utf-8").splitlines())
    messages = [Message(group=a, topic=b, language=c, text=d) for a, b, c, d in rows]
    return [message for message in messages if not groups or message.group in groups]


def labels(messages: Sequence[Message]) -> list[str]:
    """The topics that the library gives."""
    texts = [clean(message.text) for message in messages]
    languages = [language_of(text) for text in texts]
    shares = Sentiment(starter=shipped()).shares(texts, languages)
    topics = load_topics()
    return [
        topics.topic_of(text, language, share).name
        for text, language, share in zip(texts, languages, shares, strict=True)
    ]


def macro_f1(messages: Sequence[Message]) -> float:
    """The mean F1 of the topics and of `other`, each counting the same."""
    truth, predictions = [message.topic for message in messages], labels(messages)
    scores = []
    for topic in sorted(set(truth)):
        hits = sum(a == b == topic for a, b in zip(truth, predictions, strict=True))
        scores.append(2 * hits / (truth.count(topic) + predictions.count(topic)))
    return float(np.mean(scores))


def _auc(log_odds: Floats, is_positive: Bools) -> float:
    return float(score(sigmoid(log_odds), is_positive.astype(float))["roc_auc"][0])


def _line(name: str, log_odds: Floats, is_positive: Bools) -> None:
    hits = float(np.mean((log_odds > 0) == is_positive))
    print(
        f"{name:<44} n {len(log_odds):>5,}  accuracy {hits:.3f}  ROC AUC {_auc(log_odds, is_positive):.3f}"
    )


def _prepared(rated: Rated) -> tuple[list[str], Bools]:
    return [clean(text) for text, _ in rated], np.array([mark for _, mark in rated])


def _starter(texts: Sequence[str], language: Language) -> Floats:
    buckets = [buckets_of(text, language) for text in texts]
    return starter_log_odds(shipped(), texts, buckets, language)


def sentiment(folder: Path) -> None:
    """Both languages on texts that the starter has not met, then with a shop's own stars."""
    texts, truth = _prepared(chinese(folder)[1])
    _line("zh: starter, unique held-out reviews", _starter(texts, Language.CHINESE), truth)
    texts, truth = _prepared(snippets(folder, "amazonReview"))
    base = _starter(texts, Language.ENGLISH)
    words = lexicon(folder)
    _line("en: lexicon alone", np.array([valence(words_of(text), words) for text in texts]), truth)
    _line("en: starter", base, truth)
    aucs: dict[int, list[float]] = {count: [] for count in _OWN_COUNTS}
    for seed in range(_ROUNDS):
        order = np.random.default_rng(seed).permutation(len(texts))
        test = order[max(_OWN_COUNTS) :]
        runs = [buckets_of(texts[place], Language.ENGLISH) for place in test]
        for count in _OWN_COUNTS:
            train = order[:count]
            stars = fit_weights([texts[place] for place in train], truth[train], Language.ENGLISH)
            assert stars is not None
            both = (1 - stars.share) * base[test] + stars.share * stars.log_odds(runs)
            aucs[count].append(_auc(both, truth[test]))
    for count, values in aucs.items():
        print(
            f"en: starter and {count:>5,} own rated texts, {_ROUNDS} draws      ROC AUC {np.mean(values):.3f}"
        )


def topics() -> None:
    """Macro F1 by group and language, and how often a topic that is named is right."""
    for group in ("before", "tuning", "after"):
        messages = read_messages(group)
        by_language = {
            language: macro_f1([each for each in messages if each.language == language])
            for language in ("en", "zh")
        }
        pairs = [
            (message.topic, label)
            for message, label in zip(messages, labels(messages), strict=True)
            if label != OTHER
        ]
        right = np.mean([topic == label for topic, label in pairs])
        print(
            f"{group:<7} n {len(messages):>4}  macro F1 {macro_f1(messages):.3f} (en "
            f"{by_language['en']:.3f}, zh {by_language['zh']:.3f})  named {len(pairs) / len(messages):.0%}, "
            f"of these right {right:.0%}"
        )


def speed() -> None:
    """Messages a second: cleaned, language, sentiment, topic; by seconds of one core."""
    texts = [message.text for message in read_messages()] * 20
    for name, batch in (("short messages", texts), ("of 500 characters", [t * 20 for t in texts])):
        batch = [text[:500] for text in batch]
        started = process_time()
        cleaned = [clean(text) for text in batch]
        languages = [language_of(text) for text in cleaned]
        shares = Sentiment(starter=shipped()).shares(cleaned, languages)
        read = load_topics()
        for text, language, share in zip(cleaned, languages, shares, strict=True):
            read.topic_of(text, language, share)
        print(f"{name:<18} {len(batch) / (process_time() - started):,.0f} a second")


def main() -> None:
    """Run the parts named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["sentiment", "topics", "speed"])
    parser.add_argument("--packages", type=Path, help="a folder with the packages; else downloaded")
    arguments = parser.parse_args()
    if "sentiment" in arguments.parts:
        with packages(arguments.packages) as folder:
            sentiment(folder)
    if "topics" in arguments.parts:
        topics()
    if "speed" in arguments.parts:
        speed()


if __name__ == "__main__":
    main()
