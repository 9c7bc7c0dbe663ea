"""What a canonical column is made of, and how text is cleaned before it is read."""

from collections.abc import Sequence
from dataclasses import dataclass

import ibis

from retention_ml.deliveries.casting.rules import Check

DELIVERY = "__delivery"


@dataclass(frozen=True, slots=True)
class Cast:
    """A typed column, and what may be wrong with it.

    Attributes
    ----------
    value : ibis.Value
        A time as microseconds of a wall clock, or of UTC.
    is_utc, zone : ibis.Value, optional
        Of a time: whether it is UTC already, and the name of a zone that the row gives itself.
    names : tuple of str
        The columns of the file it is made from.
    """

    value: ibis.Value
    checks: tuple[Check, ...] = ()
    is_utc: ibis.Value | None = None
    zone: ibis.Value | None = None
    names: tuple[str, ...] = ()


def cleaned(text: ibis.Value, missing: Sequence[str] = ()) -> ibis.Value:
    """Text of `texts.visible`; null where empty or called missing."""
    return without(text.nullif(""), missing=missing)


def without(
    text: ibis.Value, value: ibis.Value | None = None, missing: Sequence[str] = ()
) -> ibis.Value:
    """`value` (default: the text itself), null where the text is called missing."""
    value = text if value is None else value
    return (
        ibis.ifelse(text.isin(list(missing)), ibis.null(value.type()), value) if missing else value
    )
