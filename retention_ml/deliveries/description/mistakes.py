"""What is wrong with a description, in words: what it says, what is expected, the nearest word."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

Path = tuple[str | int, ...]


class Mistake(ValueError):
    """Something a description must not say.

    Parameters
    ----------
    sentence : str
        What is wrong, with its value, and what is expected.
    path : tuple of str or int
        The keys from the section that was checked to the value.
    """

    def __init__(self, sentence: str, path: Sequence[str | int] = ()) -> None:
        super().__init__(sentence)
        self.path: Path = tuple(path)


def nearest(word: object, words: Iterable[str]) -> str:
    """A question after the word that was probably meant; empty where none is near.

    Examples
    --------
    >>> nearest("monney", ["money", "missing"])
    " Did you mean 'money'?"
    >>> nearest("colour", ["money"])
    ''
    """
    text = str(word)[:100]
    by_lower = {name.lower(): name for name in words}
    matches = get_close_matches(text.lower(), by_lower, n=1, cutoff=0.6)
    return f" Did you mean {by_lower[matches[0]]!r}?" if matches else ""


def shown(value: object) -> str:
    """A value of the description, shortened for a message."""
    text = repr(list(value) if isinstance(value, tuple) else value)
    text = text.lower() if isinstance(value, bool) else text
    return text if len(text) <= 120 else text[:100] + " …"


def listed(words: Iterable[str]) -> str:
    """Words in a row for a message, shortened where there are many."""
    names = list(words)
    return ", ".join(names[:40]) + (f" and {len(names) - 40:,} more" if len(names) > 40 else "")
