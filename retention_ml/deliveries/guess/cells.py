"""Several lines of an order in one cell: how they are separated, and what each is made of."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from retention_ml.deliveries.guess.profile import Content, Profile

_SEPARATORS = (" | ", "|", "\n", "; ", ";", " + ", ", ", " / ")
_PATTERNS = (
    r"(?P<name>.+?) ?[x×*] ?(?P<quantity>\d+)",
    r"(?P<quantity>\d+) ?[x×*] ?(?P<name>.+)",
    r"(?P<name>.+?) ?\((?P<quantity>\d+)\)",
    r"(?P<name>.+?): ?(?P<quantity>\d+)",
)


class Cell(NamedTuple):
    """A column whose cells hold lines."""

    column: str
    separator: str
    pattern: str


def lines_in_cells(profiles: Mapping[str, Profile]) -> Cell | None:
    """The column that holds several lines in a cell, where all of its texts fit one pattern."""
    for profile in profiles.values():
        if profile.content is not Content.TEXT:
            continue
        texts = list(profile.counts)
        for separator in _SEPARATORS:
            if not any(separator in text for text in texts):
                continue
            pieces = [piece.strip() for text in texts for piece in text.split(separator) if piece]
            for pattern in _PATTERNS:
                if all(re.fullmatch(pattern, piece) for piece in pieces):
                    return Cell(profile.name, separator, pattern)
    return None
