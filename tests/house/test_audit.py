"""An audit that asked nobody is never taken for a good one."""

from typing import Any

import pytest

from tests.house.audit import verdict

_AUDITED = {"name": "jinja2", "version": "3.1.6", "vulns": []}
_PROJECT = {"name": "retention-ml", "skip_reason": "not found"}
_UNKNOWN = {"name": "numpy", "skip_reason": "Dependency not found"}
_BAD = {
    "name": "jinja2",
    "version": "2.4.1",
    "vulns": [{"id": "PYSEC-2014-8", "fix_versions": ["2.7.2"]}],
}


@pytest.mark.parametrize(
    ("packages", "code", "words"),
    [
        ([_AUDITED, _PROJECT], 0, "No advisory is known about the 1 packages that were audited."),
        ([_AUDITED, _UNKNOWN], 2, "Not audited: 1 of 2 packages (numpy)"),
        ([_UNKNOWN], 2, "Not audited: 1 of 1 packages (numpy)"),
        ([], 2, "Not audited: 0 of 0 packages"),
        ([_BAD, _UNKNOWN], 1, "jinja2 2.4.1: PYSEC-2014-8, mended in 2.7.2"),
    ],
)
def test_only_what_was_answered_counts(
    packages: list[dict[str, Any]], code: int, words: str
) -> None:
    sentence, ended = verdict({"dependencies": packages})
    assert words in sentence
    assert ended == code


def test_what_was_not_asked_is_called_so() -> None:
    sentence, code = verdict({"dependencies": [_UNKNOWN]})
    assert "clean" not in sentence
    assert not sentence.startswith("No advisory")
    assert (sentence, code) != verdict({"dependencies": [_AUDITED]})
    assert verdict(None, "no answer") == ("Not audited: no answer.", 2)
