"""What a message is about, by words: the library's, and a shop's own."""

import hashlib
import json
import re
import tomllib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

from retention_ml.errors import SettingsError
from retention_ml.feedback.cleaning import clean
from retention_ml.feedback.grams import marked_words, words_of
from retention_ml.feedback.language import Language
from retention_ml.settings import PROJECT

Area = Literal["delivery", "goods", "price", "service", "none"]
AREAS: tuple[str, ...] = get_args(Area)
PRAISE, OTHER = "praise", "other"
SHIPPED = Path(__file__).resolve().parent / "topics.toml"
OF_THE_SHOP = PROJECT / "topics.toml"
"""The only file that may be missing."""

_LANGUAGES = (Language.ENGLISH, Language.CHINESE, Language.OTHER)
_GAP = "…"
_GAP_CHARACTERS = 30
_VERSION = 2  # of how messages and words are read: a change of it reads all messages again
_PRAISE_FROM = 0.9  # how positive a message without any words sounds that is called praise
_PRAISE_NOT_BELOW = 0.1
_PRAISE_WEIGHT = 0.5  # a message that also names something else is about that
_NEGATED_CHINESE = re.compile(
    "(?:不(?!错|过)|没有?|并非|别)[很太是怎么会想够能再]{0,2}[\u4e00-\u9fff]{2}"
)
_KEYS = {"area", "route", "en", "zh", "other", "not_en", "not_zh", "not_other"}

Pattern = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic: what its complaints count as, who reads it, and its words by language."""

    name: str
    area: str
    route: str
    patterns: Mapping[Language, tuple[Pattern, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A pattern of a topic and how much it counts."""

    topic: str
    pattern: Pattern
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """All topics in the order of the file, and a digest of all that decides a label.

    `entries` has the patterns of a language by their first characters, see `_key`.
    """

    topics: tuple[Topic, ...]
    entries: Mapping[Language, Mapping[str, tuple[Entry, ...]]]
    sha256: str

    def topic_of(self, text: str, language: Language, share: float | None) -> Topic:
        """The topic with most words in a cleaned message; of equals the first.

        `share` is how positive it sounds: without any words a message that sounds very positive is
        praise, and one that sounds negative is not, whatever its words.
        """
        scores = dict.fromkeys((topic.name for topic in self.topics), 0.0)
        if entries := self.entries.get(language):
            searched = _searched(text, language)
            unturned = _without_negated(text, searched, language)
            for key in _keys(searched, language):
                for entry in entries.get(key, ()):
                    where = unturned if entry.topic == PRAISE else searched
                    if _matches(entry.pattern, where):
                        scores[entry.topic] += entry.weight
        if share is not None and share < _PRAISE_NOT_BELOW:
            scores[PRAISE] = 0.0
        best = max(scores, key=lambda name: scores[name])
        if not scores[best]:
            best = PRAISE if share is not None and share >= _PRAISE_FROM else OTHER
        return self[best]

    def __getitem__(self, name: str) -> Topic:
        for topic in self.topics:
            if topic.name == name:
                return topic
        return Topic(name=OTHER, area="none", route="none", patterns={})


def _keys(searched: str, language: Language) -> Iterable[str]:
    """The first characters of every pattern that can be in the message."""
    if language is Language.ENGLISH:
        return {f" {word} "[:3] for word in searched.split()}
    return set(searched)


def _key(pattern: Pattern, language: Language) -> str:
    return pattern[0][: 3 if language is Language.ENGLISH else 1]


def _without_negated(text: str, searched: str, language: Language) -> str:
    """The message without the words that a negation turns round."""
    if language is Language.ENGLISH:
        return f" {' '.join(marked_words(text))} "
    return _NEGATED_CHINESE.sub(" ", searched) if language is Language.CHINESE else searched


def _searched(text: str, language: Language) -> str:
    """The message as patterns are looked for: English words between single spaces."""
    return f" {' '.join(words_of(text))} " if language is Language.ENGLISH else text.lower()


def _matches(pattern: Pattern, searched: str) -> bool:
    """Whether the parts follow each other anywhere, with at most so many characters between.

    >>> _matches((" took ", " weeks "), " it took off but took two weeks ")
    True
    """
    if pattern[0] not in searched:
        return False
    ends = [place + len(pattern[0]) for place in _places(pattern[0], searched)]
    for before, part in pairwise(pattern):
        shared = int(before.endswith(" ") and part.startswith(" "))  # one space between two words
        reached = []
        for place in _places(part, searched):
            nearest = bisect_right(ends, place + shared) - 1
            if nearest >= 0 and place - ends[nearest] <= _GAP_CHARACTERS:
                reached.append(place + len(part))
        ends = reached
    return bool(ends)


def _places(part: str, searched: str) -> Iterable[int]:
    """Where a part begins, ascending."""
    place = searched.find(part)
    while place >= 0:
        yield place
        place = searched.find(part, place + 1)


def _weight(topic: str, pattern: Pattern, language: Language) -> float:
    """Longer words are more specific: words in English, half the characters in Chinese."""
    if language is Language.ENGLISH:
        weight = float(sum(len(part.split()) for part in pattern))
    else:
        weight = sum(len(part) for part in pattern) / 2
    return weight * _PRAISE_WEIGHT if topic == PRAISE else weight


def _index(topics: Sequence[Topic], language: Language) -> dict[str, tuple[Entry, ...]]:
    by_key: dict[str, list[Entry]] = defaultdict(list)
    for topic in topics:
        for pattern in topic.patterns[language]:
            weight = _weight(topic.name, pattern, language)
            entry = Entry(topic=topic.name, pattern=pattern, weight=weight)
            by_key[_key(pattern, language)].append(entry)
    return {key: tuple(entries) for key, entries in by_key.items()}


@cache  # words are checked first, then indexed
def _pattern(words: str, language: Language) -> Pattern:
    """What is looked for: English words begin at a space, and end at one but for a star.

    >>> _pattern("took … deliver*", Language.ENGLISH)
    (' took ', ' deliver')
    """
    parts = [part.strip() for part in words.replace("...", _GAP).split(_GAP)]
    if language is not Language.ENGLISH:
        return tuple(clean(part).lower() for part in parts)
    spaced = [(" ".join(words_of(clean(part.removesuffix("*")))), part) for part in parts]
    return tuple(
        f" {searched}" if part.endswith("*") else f" {searched} " for searched, part in spaced
    )


def _read(file: Path) -> dict[str, dict[str, Any]]:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(
            f"{file.name} cannot be read ({error}); expected topics in TOML. Correct the line named."
        ) from error
    if unknown := sorted(set(document) - {"topics"}):
        raise SettingsError(
            f"{file.name} has the unknown key {unknown[0]!r}; expected only [topics.NAME]. "
            "See docs/feedback.md."
        )
    topics: dict[str, dict[str, Any]] = document.get("topics", {})
    for name, topic in topics.items():
        _require_valid(file, name, topic)
    return topics


def _require_valid(file: Path, name: str, topic: Any) -> None:
    where = f"{file.name}, [topics.{name}]"
    if not isinstance(topic, dict) or not name.replace("_", "").isalnum() or name == OTHER:
        raise SettingsError(
            f"{where} is no topic; expected a section with a name of letters, digits and _ other "
            f"than {OTHER!r}. See docs/feedback.md."
        )
    if unknown := sorted(set(topic) - _KEYS):
        raise SettingsError(
            f"{where} has the unknown key {unknown[0]!r}; expected some of "
            f"{', '.join(sorted(_KEYS))}. Rename or remove it."
        )
    if topic.get("area", "none") not in AREAS:
        raise SettingsError(
            f"{where}: area is {topic['area']!r}; expected one of {', '.join(AREAS)}."
        )
    if not isinstance(topic.get("route", ""), str):
        raise SettingsError(f"{where}: route is {topic['route']!r}; expected a name in quotes.")
    for key in sorted(_KEYS - {"area", "route"} & set(topic)):
        words = topic.get(key, [])
        valid = isinstance(words, list) and all(
            isinstance(each, str) and all(part.strip(" *") for part in each.split(_GAP))
            for each in words
        )
        if not valid:
            raise SettingsError(
                f"{where}: {key} holds {str(words)[:60]!r}; expected a list of words in quotes, "
                "none of them empty."
            )
        for each in words:
            _require_words(f"{where}: {key}", each, Language(key.removeprefix("not_")))


def _require_words(where: str, words: str, language: Language) -> None:
    """Refuse words that are looked for as something else, or as nothing."""
    if language is Language.ENGLISH and any(each.isdecimal() for each in clean(words)):
        raise SettingsError(
            f"{where} holds {words[:60]!r}; expected words without digits, as numbers of messages "
            "in Latin letters are not read. Write the number in letters, or remove it."
        )
    if not all(part.strip() for part in _pattern(words, language)):
        raise SettingsError(
            f"{where} holds {words[:60]!r}, of which nothing is left as plain text; expected "
            "letters or signs. Correct or remove it."
        )


def load_topics(file: Path | None = None) -> Topics:
    """The library's topics with what the shop's own `file` adds, changes and takes away.

    Raises
    ------
    SettingsError
        A file has a mistake, or there is none at a path other than the default.
    """
    if file is None or (file == OF_THE_SHOP and not file.exists()):
        return _load(None, 0)
    if not file.is_file():
        raise SettingsError(
            f"There is no file of topics {file}; expected the shop's words in TOML. Correct the "
            "path in RETENTION_TOPICS_FILE, or unset it."
        )
    return _load(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _load(file: Path | None, _changed_at: int) -> Topics:
    merged = {name: dict(topic) for name, topic in _read(SHIPPED).items()}
    if file is not None:
        for name, topic in _read(file).items():
            if name not in merged and not {"area", "route"} <= set(topic):
                raise SettingsError(
                    f"{file.name}, [topics.{name}] is a new topic without area and route; expected "
                    "both. Add them, or use the name of a topic of the library: "
                    f"{', '.join(merged)}."
                )
            merged[name] = _merge(merged.get(name, {}), topic)
    return _topics(merged)


def _merge(shipped: Mapping[str, Any], shop: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**shipped, **{key: shop[key] for key in ("area", "route") if key in shop}}
    for language in ("en", "zh", "other"):
        dropped = set(shop.get(f"not_{language}", []))
        words = [*merged.get(language, []), *shop.get(language, [])]
        merged[language] = [each for each in words if each not in dropped]
    return merged


def _topics(merged: Mapping[str, Mapping[str, Any]]) -> Topics:
    topics = tuple(
        Topic(
            name=name,
            area=topic["area"],
            route=topic["route"],
            patterns={
                language: tuple(
                    dict.fromkeys(_pattern(each, language) for each in topic.get(language, []))
                )
                for language in _LANGUAGES
            },
        )
        for name, topic in merged.items()
    )
    document = [
        _VERSION,
        [[t.name, t.area, t.route, sorted((k, v) for k, v in t.patterns.items())] for t in topics],
    ]
    digest = hashlib.sha256(json.dumps(document, ensure_ascii=False).encode()).hexdigest()
    entries = {language: _index(topics, language) for language in _LANGUAGES}
    return Topics(topics=topics, entries=entries, sha256=digest)
