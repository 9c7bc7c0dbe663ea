"""Places are drawn by salt and number, alike in Python and in the database."""

import hashlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from retention_ml.statistics.lots import place_sql, places
from retention_ml.warehouse import Warehouse

CUSTOMERS = [str(number) for number in range(12_346, 32_346)]
_IDS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), max_size=30)


def test_a_place_is_sha_256_of_salt_and_number() -> None:
    digest = hashlib.sha256(b"spring\x00" + "Zoë".encode()).hexdigest()
    assert places(["Zoë"], "spring")[0] == int(digest[:13], 16) / 2**52


@given(_IDS, st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_a_customer_keeps_the_place_in_any_company_and_order(ids: list[str], seed: int) -> None:
    before = dict(zip(ids, places(ids, "1").tolist(), strict=True))
    mixed = [ids[i] for i in np.random.default_rng(seed).permutation(len(ids))]
    assert [before[one] for one in mixed] == places(mixed, "1").tolist()


def test_places_are_uniform_and_another_salt_draws_anew() -> None:
    first, second = places(CUSTOMERS, "holdout:h1"), places(CUSTOMERS, "holdout:h2")
    assert stats.kstest(first, "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    # "1" and the customer 23 are not "12" and the customer 3
    assert places(["23"], "1")[0] != places(["3"], "12")[0]


def test_the_database_draws_the_same_places(warehouse: Warehouse) -> None:
    ids = ["12345", "Zoë", "", "a b"]
    expression = place_sql("CAST(:salt AS text)", "customer_id")
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            f"SELECT customer_id, {expression} AS place "
            "FROM unnest(CAST(:ids AS text[])) AS customer_id",
            salt="spring",
            ids=ids,
        )
    assert {row.customer_id: row.place for row in rows} == dict(
        zip(ids, places(ids, "spring").tolist(), strict=True)
    )
