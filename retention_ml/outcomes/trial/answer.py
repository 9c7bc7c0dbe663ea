"""A person's answer to whether a challenger that won is to become champion."""

from dataclasses import dataclass

from retention_ml.errors import UsageError

NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A yes, a no, silence (`refused_by` is `NOBODY`), or nothing at all where nobody was asked.

    Parameters
    ----------
    approved_by, refused_by : str, optional
        Who answered.
    remark : str
        What they wrote with it.
    version : str, optional
        The challenger they were asked about.

    Raises
    ------
    UsageError
        A name was given and is empty.

    Examples
    --------
    >>> Answer(refused_by="bob", remark="sale week").sentence
    'Turned down by bob: sale week. '
    >>> Answer().sentence
    ''
    """

    approved_by: str | None = None
    refused_by: str | None = None
    remark: str = ""
    version: str | None = None

    def __post_init__(self) -> None:
        """Refuse an answer of nobody in particular."""
        names = (self.approved_by, self.refused_by)
        if "" in (name.strip() for name in names if name is not None):
            raise UsageError(
                "No name was given for the answer; expected the person who approves or refuses."
            )

    @property
    def was_asked(self) -> bool:
        """Whether there was a question."""
        return self.approved_by is not None or self.refused_by is not None

    @property
    def is_refusal(self) -> bool:
        """Whether a person refused."""
        return self.refused_by is not None and self.refused_by != NOBODY

    @property
    def sentence(self) -> str:
        """Who answered what, to precede the reason of a decision."""
        remark = f": {self.remark}" if self.remark else ""
        if self.refused_by == NOBODY:
            return f"Nobody approved{remark}. "
        if self.refused_by is not None:
            return f"Turned down by {self.refused_by}{remark}. "
        return f"Approved by {self.approved_by}{remark}. " if self.approved_by else ""
