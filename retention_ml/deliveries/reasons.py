"""Why a row is in quarantine: the closed list of codes, each with its meaning in a sentence.

A source description may declare further codes (`quarantine = "..."` in a rule,
with `because`); `meaning` knows both.
"""

from collections.abc import Mapping
from enum import StrEnum, auto


class Reason(StrEnum):
    """The codes of this library, each with its `meaning`; the first that applies is stored."""

    meaning: str

    def __new__(cls, code: str, meaning: str) -> "Reason":
        """The lower-case name as the code, with its meaning."""
        reason = str.__new__(cls, code)
        reason._value_, reason.meaning = code, meaning
        return reason

    BAD_ENCODING = auto(), "The line is not valid text in the encoding that its source declares."
    NUL_BYTE = auto(), "The line contains a NUL byte, which no text column of a database can store."
    EMPTY_LINE = auto(), "There is an empty line between rows."
    FIELD_TOO_LONG = auto(), "One field is longer than 131,072 characters."
    UNCLOSED_QUOTE = (
        auto(),
        "A quote is opened and not closed within 1 MiB; only this line is rejected.",
    )
    MALFORMED_QUOTES = auto(), "There are quotes inside a field where none are allowed."
    STRAY_LINE_END = auto(), "There is a carriage return inside the line."
    WRONG_FIELD_COUNT = auto(), "The line has more or fewer fields than the header."
    CUT_LAST_LINE = (
        auto(),
        "The last line has no line end and ends too early: the file may have been cut off.",
    )
    BAD_JSON = auto(), "The line is not a JSON object."
    BAD_CELL = auto(), "A line written in a cell does not fit the pattern of `each`."
    MISSING_CUSTOMER_ID = auto(), "The customer is missing, and the source allows no guests."
    MISSING_PRODUCT_ID = auto(), "The product number is missing."
    MISSING_ORDER_ID = auto(), "The order number is missing."
    MISSING_CURRENCY = (
        auto(),
        "The currency of the row is missing, though its source names a column for it.",
    )
    MISSING_FEEDBACK_ID = auto(), "The number of the rating or ticket is missing."
    MISSING_CAMPAIGN_ID = auto(), "The campaign is missing."
    MISSING_EVENT_AT = auto(), "The time is missing."
    MISSING_EVENT_TYPE = auto(), "The event type is missing."
    MISSING_KIND = auto(), "The kind is missing."
    MISSING_QUANTITY = auto(), "The quantity is missing."
    MISSING_LINE_AMOUNT_CENTS = auto(), "The amount paid is missing."
    MISSING_VALID_FROM = auto(), "The day from which the exchange rate holds is missing."
    MISSING_RATE = auto(), "The exchange rate is missing."
    MISSING_CHANNEL = auto(), "The channel of contact is missing."
    MISSING_PURPOSE = auto(), "The purpose of contact is missing."
    ID_TOO_LONG = auto(), "An identifier is longer than 200 characters."
    MANGLED_ID = (
        auto(),
        "A spreadsheet made a rounded number of an identifier, such as 1.23457E+12; the id is lost.",
    )
    BAD_NUMBER = (
        auto(),
        "A number is not written with the decimal mark that its source declares, or can mean two numbers.",
    )
    BAD_FLAG = (
        auto(),
        "A yes or no is not written as true or false, yes or no, 1 or 0, and `values` does not say what it means.",
    )
    OTHER_CURRENCY = (
        auto(),
        "The amount is in another currency than the source's, and no exchange rate of that day or before it is there.",
    )
    BAD_TIMESTAMP = auto(), "A time is not written in the format its source declares."
    OUT_OF_RANGE = (
        auto(),
        "A number is implausibly large (quantity above 1,000,000; money above 10^9 units).",
    )
    UNKNOWN_KIND = auto(), "The kind is not one of those the table allows."
    UNKNOWN_EVENT_TYPE = auto(), "The event type is not one of those the table allows."
    NEGATIVE_PRICE = auto(), "The price or the amount of a sale is negative."
    NEGATIVE_QUANTITY = auto(), "The quantity is negative and no rule makes the row a return."
    ZERO_QUANTITY = auto(), "The quantity is zero."
    TIME_IN_DST_GAP = auto(), "The clocks were put forward past this local time: it never existed."
    TIME_OUT_OF_RANGE = (
        auto(),
        "The time is before 1990 or implausibly late, perhaps in another unit than its source declares.",
    )
    EVENT_IN_FUTURE = auto(), "The time is more than a day after the file was loaded."
    SUPERSEDED_IN_FILE = auto(), "A later row of the same file has the same key and other content."
    ORDER_NUMBER_REUSED = (
        auto(),
        "Under the order's number stands another order: of another customer, or more than 30 days away.",
    )
    FIRST_ROW_REJECTED = (
        auto(),
        "The row before was rejected; it may be the first of its order, whose fields are missing here.",
    )
    BATCH_HELD = auto(), "The row is readable; a critical check held back its batch."


MEANINGS: Mapping[str, str] = {reason: reason.meaning for reason in Reason}


def meaning(code: str, declared: Mapping[str, str] | None = None) -> str:
    """The sentence for a reason code.

    Parameters
    ----------
    code : str
        A code of `Reason` or one that a source declares.
    declared : mapping of str to str, optional
        `Source.declared_reasons()` of the row's source; it takes precedence over the general meaning.

    Examples
    --------
    >>> meaning("zero_quantity")
    'The quantity is zero.'
    """
    if declared and code in declared:
        return declared[code]
    return MEANINGS.get(code, f"The source declared the code {code} and no longer explains it.")
