"""Numbers as spreadsheets write them: read where they can only mean one thing."""

import pyarrow as pa
import pytest

from retention_ml.deliveries.casting.numbers import FAULT, WRITTEN, with_numbers
from retention_ml.deliveries.description.source import Source


def read(
    *texts: str, column: str = "price", currency: str = "USD", **feed: str
) -> dict[str, str | None]:
    """Texts, each as digits with a point, or the reason why it is no number."""
    source = Source.model_validate(
        {
            "name": "shop", "title": "A shop", "timezone": "UTC", "currency": currency,
            "feeds": {
                "lines": {
                    "files": ["*.csv"], "table": "order_lines",
                    "columns": {
                        "order_id": "order", "event_at": "at", "quantity": "quantity",
                        "line_amount_cents": {"column": "price", "money": True},
                    },
                    **feed,
                }
            },
        }
    )  # fmt: skip
    rows = pa.table({"quantity": pa.array(texts), "price": pa.array(texts)})
    rows = with_numbers(rows, source, source.feeds["lines"])
    pairs = zip(rows[WRITTEN + column].to_pylist(), rows[FAULT + column].to_pylist(), strict=True)
    return {
        text: written or fault if (written is None) != (fault is None) else None
        for text, (written, fault) in zip(texts, pairs, strict=True)
    }


def test_a_number_with_a_point_is_read() -> None:
    expected = {
        "12": "12", "-12.50": "-12.50", "+3": "+3", "00012": "00012",
        "$1,234.50": "1234.50", "($12.50)": "-12.50", "$(12.50)": "-12.50", "-$40.00": "-40.00",
        "$-40.00": "-40.00", "49.03-": "-49.03", "$49.03-": "-49.03", ".99": ".99", "5.": "5.",
        "-.5": "-.5", "\u221212.50": "-12.50", "12.50 USD": "12.50", "USD 12.50": "12.50",
        "US$12.50": "12.50", "$12.50 USD": "12.50", "usd 5": "5", "- 5": "-5",
        "1,234,567": "1234567", "1,234,567.8": "1234567.8", "1 234.50": "1234.50",
        "1\u00a0234\u00a0567": "1234567", "1\u202f234.5": "1234.5", "1'234.50": "1234.50",
        "1’234.50": "1234.50", "1,23,456.00": "123456.00", "1,23,456": "123456", "12.-": "12",
        "(1 234)": "-1234",
    }  # fmt: skip
    assert read(*expected) == expected


def test_what_may_mean_two_numbers_or_none_is_refused() -> None:
    texts = (
        "1,234", "12,50", "1e5", "1E+05", "NaN", "inf", "0x10", "1_000", "1.2.3", "1,2,3", "12 34", "0,123.5",
        "1.234.567", "--5", "-5-", "(-5)", "(5", "5)", "٣", "$", ".", "-", "5 pieces", "5 kg", "$ $", "1 2345",
        "5%", "=5", "12:30",
    )  # fmt: skip
    assert read(*texts) == dict.fromkeys(texts, "bad_number")


def test_a_declared_group_mark_makes_a_lone_one_plain() -> None:
    expected = {"1,234": "1234", "12,34": "bad_number", "0,123": "bad_number", "1,234.5": "1234.5"}
    assert read(*expected, group=",") == expected


def test_a_number_with_a_comma_is_read_where_the_source_declares_it() -> None:
    expected = {
        "1.234,50": "1234.50", "1234,5": "1234.5", "1.234": "1234", "1 234,50 €": "1234.50",
        "€ 1.234,50": "1234.50", ",5": ".5", "12,": "12.", "-1.234.567,8": "-1234567.8",
        "1.234,50-": "-1234.50", "12,- €": "bad_number", "12,-": "12", "1’234,5": "1234.5",
        "12.50": "bad_number", "0.123": "bad_number", "1,234.50": "bad_number", "1,2,3": "bad_number",
        "1.": "bad_number", "1234.567,00": "bad_number",
    }  # fmt: skip
    assert read(*expected, currency="EUR", decimal=",") == expected


@pytest.mark.parametrize(
    ("text", "currency", "expected"),
    [
        ("12.50 EUR", "USD", "other_currency"), ("€12.50", "USD", "other_currency"),
        ("12.50 kr", "SEK", "12.50"), ("12.50 kr.", "USD", "other_currency"), ("£5", "GBP", "5"),
        ("¥1,700,000", "JPY", "1700000"), ("1700円", "JPY", "1700"), ("R$ 10.00", "BRL", "10.00"),
        ("R$ 10.00", "USD", "other_currency"), ("C$5", "CAD", "5"), ("$5", "CAD", "5"), ("$5", "EUR", "other_currency"),
        ("EUR €5", "USD", "other_currency"), ("CHF 5.00", "CHF", "5.00"), ("zł 5", "PLN", "5"),
    ],
)  # fmt: skip
def test_what_stands_beside_an_amount_is_of_the_sources_currency_or_another(
    text: str, currency: str, expected: str
) -> None:
    assert read(text, currency=currency)[text] == expected


def test_pieces_have_no_currency() -> None:
    expected = {"$5": "bad_number", "1,234,567": "1234567"}
    assert read(*expected, column="quantity") == expected


def test_plain_numbers_are_passed_on_as_they_stand() -> None:
    assert read("12.500", "7") == {"12.500": "12.500", "7": "7"}
