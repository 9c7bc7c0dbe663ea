"""Texts cut to fit: a version's description in the registry, a reason in the ledger."""

import re

DESCRIPTION_MAX = 5_000  # characters of the registry's field
_TEXT_LENGTH_MAX = 2_000


def fit_description(full: str) -> str:
    """A card that fits into the registry's field: without its later sections where it is too long."""
    if len(full) <= DESCRIPTION_MAX:
        return full
    note = "\n\nThe whole card is `model_card.md` among the artifacts of the run.\n"
    start = full[: DESCRIPTION_MAX - len(note)]
    return start[: start.rfind("\n\n")] + note


def with_section(description: str, title: str, text: str) -> str:
    """A version's description that begins with that section, which replaces its former state.

    What does not fit into the registry's field is left out at the end, see `fit_description`.

    >>> with_section("## Trial 7\\n\\nopen\\n\\n# Card\\n", "Trial 7", "won")
    '## Trial 7\\n\\nwon\\n\\n# Card\\n'
    """
    former = rf"^## {re.escape(title)}\n.*?(?=^#{{1,2}} |\Z)"
    rest = re.sub(former, "", description, flags=re.DOTALL | re.MULTILINE)
    return fit_description(_section(title, text) + rest)


def without_section(description: str, title: str, text: str) -> str:
    """A version's description without the section of that title and text.

    >>> without_section("## Verdict\\n\\nkeep\\n\\nby hand", "Verdict", "keep")
    'by hand'
    """
    return description.replace(_section(title, text), "", 1)


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text}\n\n"


def storable(text: str) -> str:
    """A text as the ledger can hold it: no NUL or lone surrogate, no more than a few sentences.

    Examples
    --------
    >>> storable("a\\0b")
    'a?b'
    """
    return text.encode("utf-8", "replace").decode().replace("\0", "?")[:_TEXT_LENGTH_MAX]
