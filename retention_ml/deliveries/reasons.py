"""Why a row is in quarantine: the closed list of codes, each with its meaning in a sentence.

A source description may declare further codes (`quarantine = "..."` in a rule,
with `because`); `meaning` knows both.
"""

from collections.abc import Mapping
from enum import StrEnum


class Reason(StrEnum):
    """The codes of this library; the first that applies to a row is stored."""

    BAD_ENCODING = "bad_encoding"
    NUL_BYTE = "nul_byte"
    EMPTY_LINE = "empty_line"
    FIELD_TOO_LONG = "field_too_long"
    UNCLOSED_QUOTE = "unclosed_quote"
    MALFORMED_QUOTES = "malformed_quotes"
    STRAY_LINE_END = "stray_line_end"
    WRONG_FIELD_COUNT = "wrong_field_count"
    BAD_JSON = "bad_json"
    MISSING_CUSTOMER_ID = "missing_customer_id"
    MISSING_PRODUCT_ID = "missing_product_id"
    MISSING_ORDER_ID = "missing_order_id"
    MISSING_FEEDBACK_ID = "missing_feedback_id"
    MISSING_CAMPAIGN_ID = "missing_campaign_id"
    MISSING_EVENT_AT = "missing_event_at"
    MISSING_EVENT_TYPE = "missing_event_type"
    MISSING_KIND = "missing_kind"
    MISSING_QUANTITY = "missing_quantity"
    MISSING_LINE_AMOUNT_CENTS = "missing_line_amount_cents"
    ID_TOO_LONG = "id_too_long"
    BAD_NUMBER = "bad_number"
    BAD_TIMESTAMP = "bad_timestamp"
    OUT_OF_RANGE = "out_of_range"
    UNKNOWN_KIND = "unknown_kind"
    UNKNOWN_EVENT_TYPE = "unknown_event_type"
    NEGATIVE_PRICE = "negative_price"
    NEGATIVE_QUANTITY = "negative_quantity"
    ZERO_QUANTITY = "zero_quantity"
    TIME_IN_DST_GAP = "time_in_dst_gap"
    TIME_OUT_OF_RANGE = "time_out_of_range"
    EVENT_IN_FUTURE = "event_in_future"
    SUPERSEDED_IN_FILE = "superseded_in_file"
    BATCH_HELD = "batch_held"


MEANINGS: Mapping[str, str] = {
    Reason.BAD_ENCODING: "The line is not valid text in the encoding that its source declares.",
    Reason.NUL_BYTE: "The line contains a NUL byte, which no text column of a database can store.",
    Reason.EMPTY_LINE: "There is an empty line between rows.",
    Reason.FIELD_TOO_LONG: "One field is longer than 131,072 characters.",
    Reason.UNCLOSED_QUOTE: "A quote is opened and never closed; only this line is rejected.",
    Reason.MALFORMED_QUOTES: "There are quotes inside a field where none are allowed.",
    Reason.STRAY_LINE_END: "There is a carriage return inside the line.",
    Reason.WRONG_FIELD_COUNT: "The line has more or fewer fields than the header.",
    Reason.BAD_JSON: "The line is not a JSON object.",
    Reason.MISSING_CUSTOMER_ID: "The customer is missing, and the source allows no guests.",
    Reason.MISSING_PRODUCT_ID: "The product number is missing.",
    Reason.MISSING_ORDER_ID: "The order number is missing.",
    Reason.MISSING_FEEDBACK_ID: "The number of the rating or ticket is missing.",
    Reason.MISSING_CAMPAIGN_ID: "The campaign is missing.",
    Reason.MISSING_EVENT_AT: "The time is missing.",
    Reason.MISSING_EVENT_TYPE: "The event type is missing.",
    Reason.MISSING_KIND: "The kind is missing.",
    Reason.MISSING_QUANTITY: "The quantity is missing.",
    Reason.MISSING_LINE_AMOUNT_CENTS: "The amount paid is missing.",
    Reason.ID_TOO_LONG: "An identifier is longer than 200 characters.",
    Reason.BAD_NUMBER: "A number is not written as its source declares: plain digits with at most one decimal mark.",
    Reason.BAD_TIMESTAMP: "A time is not written in the format its source declares.",
    Reason.OUT_OF_RANGE: "A number is implausibly large (quantity above 1,000,000; money above 10^9 units).",
    Reason.UNKNOWN_KIND: "The kind is not one of those the table allows.",
    Reason.UNKNOWN_EVENT_TYPE: "The event type is not one of those the table allows.",
    Reason.NEGATIVE_PRICE: "The price or the amount of a sale is negative.",
    Reason.NEGATIVE_QUANTITY: "The quantity is negative and no rule makes the row a return.",
    Reason.ZERO_QUANTITY: "The quantity is zero.",
    Reason.TIME_IN_DST_GAP: "The clocks were put forward past this local time: it never existed.",
    Reason.TIME_OUT_OF_RANGE: "The time is before 1990.",
    Reason.EVENT_IN_FUTURE: "The time is more than a day after the file was loaded.",
    Reason.SUPERSEDED_IN_FILE: "A later row of the same file has the same key and other content.",
    Reason.BATCH_HELD: "The row is readable; a critical check held back its batch.",
}


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
