"""What messages are about: on wording that the lists were not made from, and by a shop's words."""

from pathlib import Path

import pytest

from benchmarks.feedback import macro_f1, read_messages
from retention_ml.errors import SettingsError
from retention_ml.feedback import topics as module
from retention_ml.feedback.language import Language
from retention_ml.feedback.topics import AREAS, OTHER, PRAISE, load_topics
from retention_ml.simulate.comments import COMMENTS, TOPICS

ENGLISH, CHINESE = Language.ENGLISH, Language.CHINESE


def _topic(text: str, language: Language = ENGLISH, file: Path | None = None) -> str:
    return load_topics(file).topic_of(text, language, None).name


def _file(folder: Path, text: str) -> Path:
    path = folder / "topics.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_there_are_topics_in_two_languages() -> None:
    topics = load_topics().topics
    assert [topic.name for topic in topics] == [
        "delivery", "damage", "wrong_item", "size", "price", "service", "refund", PRAISE,
    ]  # fmt: skip
    for topic in topics:
        assert topic.area in AREAS
        assert len(topic.patterns[ENGLISH]) >= 20
        assert len(topic.patterns[CHINESE]) >= 20


def test_other_wording_written_before_the_lists_gets_its_topic() -> None:
    messages = read_messages("before")
    assert len(messages) >= 150
    assert {message.language for message in messages} == {"en", "zh"}
    assert macro_f1(messages) >= 0.80


def test_the_texts_of_the_simulated_shop_get_their_topics() -> None:
    languages = [
        CHINESE if any("一" <= letter <= "鿿" for letter in text) else ENGLISH for text in COMMENTS
    ]
    labels = [
        _topic(text.lower(), language) if text else "none"
        for text, language in zip(COMMENTS, languages, strict=True)
    ]
    hits = sum(label == truth for label, truth in zip(labels, TOPICS, strict=True))
    assert hits >= 0.9 * len(TOPICS)


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("It took two weeks to arrive", "delivery"),
        ("lovely dress but too small", "size"),
        ("not lovely", OTHER),
        ("nothing special", OTHER),
        ("", OTHER),
    ],
)
def test_most_words_decide_and_a_negation_turns_praise(text: str, topic: str) -> None:
    assert _topic(text) == topic


def test_praise_is_what_sounds_very_good_without_any_words() -> None:
    topics = load_topics()
    assert topics.topic_of("zzz", ENGLISH, 0.95).name == PRAISE
    assert topics.topic_of("zzz", ENGLISH, 0.6).name == OTHER
    assert topics.topic_of("lovely", ENGLISH, 0.01).name == OTHER


def test_a_shop_adds_words_topics_and_routes_and_takes_words_away(tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        '[topics.delivery]\nroute = "berlin"\nen = ["packstation*"]\nnot_en = ["express"]\n'
        '[topics.subscription]\narea = "service"\nroute = "crm"\nen = ["auto … renew*"]\n'
        'zh = ["自动续费"]\n',
    )
    assert _topic("lies in packstation 101", file=file) == "delivery"
    assert _topic("lies in packstation 101") == OTHER
    assert load_topics(file)["delivery"].route == "berlin"
    assert _topic("express") == "delivery"
    assert _topic("express", file=file) == OTHER
    assert _topic("it auto silently renewed", file=file) == "subscription"
    assert _topic("又给我自动续费", CHINESE, file) == "subscription"
    assert load_topics(file).sha256 != load_topics().sha256


def test_a_shop_writes_digits_in_chinese(tmp_path: Path) -> None:
    file = _file(tmp_path, '[topics.delivery]\nzh = ["3天"]\n')
    assert _topic("要3天", CHINESE, file) == "delivery"
    assert _topic("要4天", CHINESE, file) == OTHER


@pytest.mark.parametrize("text", ["Out of stock again", "2 stars", "1 out of 10", "stars"])
def test_a_mark_in_digits_is_no_praise(text: str) -> None:
    assert _topic(text) == OTHER


@pytest.mark.parametrize(
    ("pattern", "text", "is_met"),
    [
        ("zig … zag", "zig zag", True),
        ("zig … zag", "zag zig", False),
        ("zig … zag", f"zig {'m' * 40} and zig then zag", True),
        ("zig … zag", f"zig then zag {'m' * 40} zag", True),
        ("zig … zag", f"zig {'m' * 30} zag", True),
        ("zig … zag", f"zig {'m' * 31} zag", False),
        ("a very long first part of words … zag", "a very long first part of words then zag", True),
        ("zig … zag … zog", f"zig zag {'m' * 20} zag {'m' * 20} zog", True),
        ("zig … zag … zog", f"zig zag {'m' * 40} zog", False),
        ("zig* … zag", "zigger zag", True),
    ],
)
def test_the_parts_of_a_pattern_may_begin_anywhere_and_the_gap_lies_between_them(
    tmp_path: Path, pattern: str, text: str, is_met: bool
) -> None:
    file = _file(tmp_path, f'[topics.delivery]\nen = ["{pattern}"]\n')
    assert (_topic(text, file=file) == "delivery") is is_met


def test_parts_in_chinese_do_not_share_characters(tmp_path: Path) -> None:
    file = _file(tmp_path, '[topics.delivery]\nzh = ["甲甲…甲乙"]\n')
    assert _topic("甲甲乙", CHINESE, file) == OTHER
    assert _topic("甲甲甲乙", CHINESE, file) == "delivery"
    assert _topic(f"甲甲{'丙' * 31}甲甲{'丙' * 30}甲乙", CHINESE, file) == "delivery"


def test_a_file_that_was_named_must_be_there_but_the_default_one_may_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "missing.toml"
    for path in (missing, tmp_path):
        with pytest.raises(SettingsError, match=f"{path}; .* RETENTION_TOPICS_FILE"):
            load_topics(path)
    monkeypatch.setattr(module, "OF_THE_SHOP", missing)
    assert load_topics(missing).sha256 == load_topics().sha256


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[topics.x", "cannot be read"),
        ("[words]\na = 1", "unknown key 'words'"),
        ('[topics.x]\nen = ["a"]', "new topic without area and route"),
        ('[topics.delivery]\nwords = ["a"]', "unknown key 'words'"),
        ('[topics.delivery]\narea = "moon"', "area is 'moon'; expected one of delivery"),
        ('[topics.delivery]\nen = ["*"]', "none of them empty"),
        (
            '[topics.delivery]\nen = ["track 24"]',
            "en holds 'track 24'; expected words without digits",
        ),
        ('[topics.delivery]\nnot_en = ["４ days"]', "not_en holds .* without digits"),
        ('[topics.delivery]\nen = ["_"]', "of which nothing is left"),
        ('[topics.delivery]\nen = ["came … _"]', "of which nothing is left"),
        ('[topics.delivery]\nzh = ["<b>"]', "of which nothing is left"),
        ("[topics.delivery]\nen = [1]", "expected a list of words"),
        ("[topics.delivery]\nroute = 1", "route is 1"),
        ('[topics.other]\narea = "none"\nroute = "x"', "is no topic"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        load_topics(_file(tmp_path, text))
