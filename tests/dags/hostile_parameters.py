"""Parameters of runs that no DAG takes: other types, no dates, sources that are none, SQL, templates."""

import random
from typing import Any

_TEXTS = (
    "", " ", "yesterday", "2026-02-30", "2026-13-01", "26-01-01", "2026-03-01T00:00:00", "2026/03/01",
    "２０２６-03-01", "2026-03-01; DROP SCHEMA curated CASCADE;--", "' OR 1=1 --", "{{ var.value.get('x') }}",
    "${jndi:ldap://x}", "../../secrets.json", "%2e%2e%2f", "<script>alert(1)</script>", "\u202e10-30-6202",
    "9" * 5000, "x" * 100_000, "null", "None",
)  # fmt: skip
_OTHERS = (0, -1, 20260301, 1e308, True, [], ["2026-03-01"], {}, {"as_of": "2026-03-01"}, [[[]]])
_NO_LIST = ("x", "", 7, True, {}, {"0": "a.csv"}, [1], [None], [["a.csv"]], ["a.csv", {}])
_NO_FLAG = ("yes", "true", "", 0, 1, "1; --", [], {}, None)
HOSTILE: dict[str, tuple[Any, ...]] = {
    "as_of": (*(text for text in _TEXTS if text), *_OTHERS),
    "source": (*_TEXTS, *_OTHERS),
    "files": _NO_LIST,
    "history": _NO_FLAG,
    "force": _NO_FLAG,
}
"""By parameter, values that are to be refused."""


def hostile(draw: random.Random, names: tuple[str, ...]) -> tuple[str, Any]:
    """The name of one of these parameters, and a value that it does not take."""
    name = draw.choice(names)
    value = draw.choice(HOSTILE[name])
    if name == "source" and isinstance(value, str) and draw.random() < 0.5:
        value = "".join(
            chr(draw.choice((39, 34, 59, 123, 125, 36, 96, 0x202E, 97))) for _ in range(9)
        )
    return name, value
