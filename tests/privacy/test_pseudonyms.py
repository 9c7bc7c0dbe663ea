"""A number has one pseudonym under a key, and nothing about it shows."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention_ml.errors import SettingsError
from retention_ml.privacy.numbers import lookup, seal, unseal
from retention_ml.privacy.pseudonyms import Pseudonyms, is_pseudonym, pseudonym

KEY, OTHER = b"k" * 32, b"o" * 32
numbers = st.text(min_size=1)


def _is_encodable(number: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in number)


@given(numbers.filter(_is_encodable))
def test_a_number_has_one_pseudonym_for_each_key(number: str) -> None:
    assert pseudonym(KEY, number) == pseudonym(KEY, number) != pseudonym(OTHER, number)
    assert is_pseudonym(pseudonym(KEY, number))
    assert not is_pseudonym(number)


def test_numbers_in_a_row_have_pseudonyms_that_share_nothing() -> None:
    made = [pseudonym(KEY, str(number)) for number in range(20_000)]
    assert len(set(made)) == len(made)
    counts = [sum(name[0] == letter for name in made) for letter in "abcdefghijklmnopqrstuvwxyz"]
    assert min(counts) > 600  # of 769 expected
    assert max(counts) < 950


def test_a_column_is_replaced_value_by_value_and_what_is_empty_stays_empty() -> None:
    column = pa.chunked_array(
        [pa.array(["a", None, "b"]), pa.array(["a"]), pa.array([], pa.string())]
    )
    made = Pseudonyms(KEY)
    of_a, of_b = pseudonym(KEY, "a"), pseudonym(KEY, "b")
    assert made.of(column).to_pylist() == [of_a, None, of_b, of_a]
    assert made.by_number == {"a": of_a, "b": of_b}
    rows = pa.table({"customer_id": column, "customers.customer_id": column, "order_id": column})
    replaced = made.in_columns(rows, ["customer_id", "customers.customer_id", "not there"])
    assert replaced["customers.customer_id"].to_pylist() == [of_a, None, of_b, of_a]
    assert replaced["order_id"].equals(column)
    assert replaced.schema == rows.schema
    assert made.of(pa.chunked_array([], pa.string())).to_pylist() == []


@given(numbers.filter(_is_encodable))
def test_a_sealed_number_opens_with_its_key_for_its_customer_only(number: str) -> None:
    sealed = seal(KEY, number, "abc")
    assert unseal(KEY, sealed, "abc") == number
    assert seal(KEY, number, "abc") != sealed
    for key, content, customer_id in (
        (OTHER, sealed, "abc"),
        (KEY, sealed, "abd"),
        (KEY, sealed[:-1] + bytes([sealed[-1] ^ 1]), "abc"),
        (KEY, sealed[:10], "abc"),
    ):
        with pytest.raises(SettingsError, match="cannot be opened"):
            unseal(key, content, customer_id)
    assert len(lookup(KEY, number)) == 32
    assert lookup(KEY, number) != lookup(OTHER, number)
