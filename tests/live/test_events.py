"""What is an event, and what is said to what is none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention_ml.live.events import Event, parse

GOOD = b'{"key": "1", "record": {"a": "x"}}'


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"key": "1", "record": {"a": 1}', "no_json"),
        (b"\xff\xfe", "no_json"),
        (b'{"key": "1", "record": {"a": NaN}}', "no_json"),
        (b"[" * 100_000, "no_json"),
        (b"[1, 2]", "wrong_fields"),
        (b'{"record": {"a": 1}}', "wrong_fields"),
        (b'{"key": "1", "record": {"a": 1}, "shop": "x"}', "wrong_fields"),
        (b'{"key": 1, "record": {"a": 1}}', "wrong_key"),
        (b'{"key": "", "record": {"a": 1}}', "wrong_key"),
        (b'{"key": "' + b"k" * 201 + b'", "record": {"a": 1}}', "wrong_key"),
        (b'{"key": "1", "record": []}', "wrong_record"),
        (b'{"key": "1", "record": {}}', "wrong_record"),
        (b'{"key": "1", "record": {"a": {"b": 1}}}', "nested_value"),
        (b'{"key": "1", "record": {"a": [1]}}', "nested_value"),
        (b'{"key": "1", "record": {"a": "\\u0000"}}', "no_text"),
        (b'{"key": "1\\ud800", "record": {"a": "b"}}', "no_text"),
    ],
)
def test_of_a_batch_the_good_ones_are_taken(line: bytes, code: str) -> None:
    events, malformed = parse(b"\n".join([GOOD, line, b"", GOOD]))
    assert [event.place for event in events] == [1, 3]
    assert [(each.place, each.code) for each in malformed] == [(2, code)]
    assert malformed[0].sentence.endswith(".")


def test_the_order_of_columns_makes_no_other_record() -> None:
    events, _ = parse(
        b'{"key": "1", "record": {"a": 1, "b": 2}}\n{"key": "1", "record": {"b": 2, "a": 1}}'
    )
    assert events[0].text == events[1].text


@given(
    st.lists(
        st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
            st.none() | st.booleans() | st.integers()
            | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            min_size=1,
        ),
        max_size=5,
    )
)  # fmt: skip
def test_what_is_sent_is_what_is_read(records: list[dict[str, object]]) -> None:
    body = "\n".join(json.dumps({"key": str(n), "record": r}) for n, r in enumerate(records))
    events, malformed = parse(body.encode())
    assert malformed == []
    assert [event.record for event in events] == records
    assert all(isinstance(event, Event) for event in events)
