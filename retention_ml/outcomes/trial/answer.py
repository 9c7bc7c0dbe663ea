"""A person's answer to whether a challenger that won is to become champion."""

from dataclasses import dataclass

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
