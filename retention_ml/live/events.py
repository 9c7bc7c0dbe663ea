"""The body of a request with events: records under keys, and a sentence for each that is none."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from retention_ml.errors import printable

KEY_LENGTH_MAX = 200
_SCALARS = (str, int, float, bool, type(None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event as it was sent.

    Parameters
    ----------
    place : int
        Its place in the request, the first is 1.
    key : str
        The sender's own name of the event: sent again, it is the same event.
    record : dict
        The columns of a row of the feed's files, by name.
    """

    place: int
    key: str
    record: dict[str, Any]

    @property
    def text(self) -> str:
        """The record as one line of JSON, whatever the order in which its columns were sent."""
        return json.dumps(self.record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """What stands in a request and is no event: its place, a closed code and a sentence."""

    place: int
    code: str
    sentence: str


def parse(body: bytes) -> tuple[list[Event], list[Malformed]]:
    """The events of a body of JSON lines, one `{"key": …, "record": {…}}` on each.

    Blank lines are passed over. Of two lines with one key and different records the first counts.

    Examples
    --------
    >>> events, malformed = parse(b'{"key": "1", "record": {"a": 1}}\\n{"key": "2"')
    >>> events[0].key, events[0].text, malformed[0].code
    ('1', '{"a":1}', 'no_json')
    """
    events: list[Event] = []
    malformed: list[Malformed] = []
    for place, line in enumerate(_lines(body), 1):
        result = _event(place, line)
        if isinstance(result, Event):
            events.append(result)
        else:
            malformed.append(result)
    return events, malformed


def _lines(body: bytes) -> Iterable[bytes]:
    return (line for line in body.split(b"\n") if line.strip())


def _event(place: int, line: bytes) -> Event | Malformed:
    def no(code: str, sentence: str) -> Malformed:
        return Malformed(place=place, code=code, sentence=sentence)

    try:
        value = json.loads(line.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return no(
            "no_json",
            'The line is no JSON in UTF-8; expected {"key": "…", "record": {…}} on one line. Send it '
            "again whole.",
        )
    if not isinstance(value, dict) or set(value) != {"key", "record"}:
        return no(
            "wrong_fields", 'Expected is an object with "key" and "record" alone. Send these two.'
        )
    key, record = value["key"], value["record"]
    if not isinstance(key, str) or not 0 < len(key) <= KEY_LENGTH_MAX:
        return no(
            "wrong_key",
            f'"key" is not a text of 1 to {KEY_LENGTH_MAX} characters. Give each event a name of '
            "its own, and the same one when it is sent again.",
        )
    if not isinstance(record, dict) or not record:
        return no("wrong_record", '"record" is not an object of columns and values.')
    if nested := next((n for n, each in record.items() if not isinstance(each, _SCALARS)), None):
        return no(
            "nested_value",
            f"The column {printable(nested)[:60]} holds a list or an object; expected are texts, "
            "numbers, true, false and null.",
        )
    if any("\x00" in text or not _is_text(text) for text in (key, *_texts(record))):
        return no("no_text", "A text holds a NUL or half a character; expected is text in UTF-8.")
    return Event(place=place, key=key, record=record)


def _texts(record: dict[str, Any]) -> Iterable[str]:
    yield from record
    yield from (value for value in record.values() if isinstance(value, str))


def _is_text(text: str) -> bool:
    """Whether it can be written in UTF-8: half of a surrogate pair cannot."""
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
