"""The lists of a day, computed from purchases, the catalogue and returns: no database."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.recommendations.lists import filters
from retention_ml.recommendations.lists.filters import OFFERED
from retention_ml.recommendations.lists.leading import LEADING, leading
from retention_ml.recommendations.lists.lists import (
    EXPLORED_PRODUCTS,
    Candidates,
    Exploration,
    lists,
)
from retention_ml.recommendations.lists.pair_history import NEVER, PairHistory, pair_history
from retention_ml.recommendations.lists.product_facts import ProductFacts, product_facts
from retention_ml.recommendations.lists.reasons import reasons
from retention_ml.recommendations.purchases import Codes, Purchases
from retention_ml.recommendations.ranked import (
    BEST_OF_EACH,
    IsOffered,
    Ranker,
    Source,
    best_sellers,
    ranked,
)
from retention_ml.recommendations.snapshots.day_inputs import Choices, DayInputs, codes_among
from retention_ml.recommendations.snapshots.product_rows import product_rows
from retention_ml.statistics.arrays import Bools, Floats, Ints
from retention_ml.statistics.lots import places

_BEST_SELLERS = 200
_CUSTOMERS_AT_ONCE = 5_000
_ROWS = pa.schema(
    [
        ("customer_id", pa.string()),
        ("list", pa.string()),
        ("rank", pa.int32()),
        ("product_id", pa.string()),
        ("purchase_probability", pa.float64()),
        ("expected_margin_cents", pa.int64()),
        ("source", pa.string()),
        ("reason_code", pa.string()),
        ("reason", pa.string()),
        ("propensity", pa.float64()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLists:
    """The rows of a snapshot, without its number and its day.

    `lists` are rows of `recommendations.customer_daily`, `products` of `product_daily`, `filtered`
    and `exclusions` of the tables of these names.
    """

    lists: pa.Table
    products: pa.Table
    filtered: pa.Table
    exclusions: pa.Table

    @property
    def listed_count(self) -> int:
        """Customers with at least one product."""
        return int(pc.count_distinct(self.lists["customer_id"]).as_py())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    """Scored pairs by code; `customer` are positions among the customers of the day.

    `leading` is what speaks most for the pair, as a position in `LEADING`; `similar` the product of
    the customer's own that does, -1 where none is named, and `similar_count` who bought both.
    """

    customer: Codes
    product: Codes
    source: Codes
    leading: Codes
    similar: Codes
    similar_count: Codes
    probability: Floats


def day_lists(inputs: DayInputs, choices: Choices, ranker: Ranker | None, method: str) -> DayLists:
    """The lists of all active customers, and what was taken off them, by reason.

    Parameters
    ----------
    ranker : Ranker or None
        Only where `method` is `ranker`.
    method : str
        `ranker`, `frequency` or `best_sellers`.
    """
    purchases = inputs.purchases
    history = pair_history(purchases)
    facts = product_facts(purchases, history, choices.min_buyers)
    reason = filters.unsellable(inputs.offer, facts.last_sold, purchases.day, choices.rules)
    rows, filtered = [], []
    is_candidate = np.zeros(len(purchases.product_ids), dtype=bool)
    has_candidate, has_list = np.zeros((2, len(inputs.customers)), dtype=bool)

    def taken_off_of(customer: Codes, product: Codes) -> filters.Reasons:
        return _taken_off(inputs, choices, history, reason, customer, product)

    for pairs in _scored(
        inputs, choices, ranker, method, lambda *codes: taken_off_of(*codes) == OFFERED
    ):
        taken_off = taken_off_of(_purchase_codes(inputs, pairs), pairs.product)
        rows.append(_listed(inputs, choices, history, facts, pairs, taken_off))
        is_off = taken_off != OFFERED
        filtered.append((taken_off[is_off], pairs.customer[is_off], pairs.product[is_off]))
        is_candidate[pairs.product] = True
        has_candidate[pairs.customer] = True
        has_list[pairs.customer[~is_off]] = True
    return DayLists(
        lists=pa.concat_tables(rows),
        products=product_rows(
            purchases,
            inputs.offer,
            inputs.price_cents,
            facts,
            reason,
            np.flatnonzero(is_candidate),
        ),
        filtered=_counted(
            filters.filtered_counts(*(np.concatenate(one) for one in zip(*filtered, strict=True)))
        ),
        exclusions=_exclusions(has_candidate, has_list, inputs.abnormal_count),
    )


def _scored(
    inputs: DayInputs,
    choices: Choices,
    ranker: Ranker | None,
    method: str,
    is_offered: IsOffered,
) -> Iterator[_Pairs]:
    """The candidates, some customers at a time, so that memory does not grow with the shop."""
    purchases, customers = inputs.purchases, inputs.customers
    for first in range(0, max(1, len(customers)), _CUSTOMERS_AT_ONCE):
        part = customers[first : first + _CUSTOMERS_AT_ONCE]
        if method == "best_sellers":
            yield _best_sellers(purchases, first, len(part))
            continue
        rows = ranked(
            purchases,
            purchases.as_of,
            part,
            ranker,
            horizon_days=choices.horizon_days,
            count=max(BEST_OF_EACH, choices.list_size + EXPLORED_PRODUCTS),
            is_offered=is_offered,
        )
        source = rows["source"].combine_chunks()
        yield _Pairs(
            customer=codes_among(rows["customer_id"], part) + np.int32(first),
            product=codes_among(rows["product_id"], purchases.product_ids),
            source=codes_among(source, pa.array([one.value for one in Source], pa.string())),
            leading=leading(rows),
            **_similar(rows, purchases),
            probability=np.asarray(rows["purchase_probability"].to_numpy(), dtype=np.float64),
        )


def _similar(rows: pa.Table, purchases: Purchases) -> dict[str, Codes]:
    """Which product speaks for each pair, where the ranker says so."""
    if "similar_product_id" not in rows.column_names:
        nothing = np.zeros(rows.num_rows, dtype=np.int32)
        return {"similar": nothing - np.int32(1), "similar_count": nothing}
    count = pc.fill_null(rows["similar_customers_count"], 0).to_numpy()
    return {
        "similar": codes_among(rows["similar_product_id"], purchases.product_ids),
        "similar_count": np.asarray(count, dtype=np.int32),
    }


def _best_sellers(purchases: Purchases, first: int, count: int) -> _Pairs:
    """The same products for all: those with most buyers lately, by their share of the customers."""
    product, buyers = best_sellers(purchases, _BEST_SELLERS)
    active = max(1, len(np.unique(purchases.since(90).customer)))
    n = len(product)
    return _Pairs(
        customer=np.repeat(np.arange(first, first + count, dtype=np.int32), n),
        product=np.tile(product, count),
        source=np.full(n * count, list(Source).index(Source.BEST_SELLER), dtype=np.int32),
        leading=np.full(n * count, LEADING.index(Source.BEST_SELLER), dtype=np.int32),
        similar=np.full(n * count, -1, dtype=np.int32),
        similar_count=np.zeros(n * count, dtype=np.int32),
        probability=np.tile(np.minimum(1.0, buyers / active), count),
    )


def _taken_off(
    inputs: DayInputs,
    choices: Choices,
    history: PairHistory,
    unsellable: filters.Reasons,
    customer: Codes,
    product: Codes,
) -> filters.Reasons:
    """Why each pair, by code among the purchases, is not offered, or `OFFERED`."""
    place = history.places(customer, product)
    last = np.full(len(place), -1, dtype=np.int64)
    last[place != NEVER] = history.last_day[place[place != NEVER]]
    of_customer = filters.unwanted(
        is_durable=filters.durable(inputs.offer, choices.rules)[product],
        last_bought=last,
        returned_on=inputs.last_returned(customer, product),
        day=inputs.purchases.day,
        rules=choices.rules,
    )
    general = unsellable[product]
    return np.where(general != OFFERED, general, of_customer)


def _listed(
    inputs: DayInputs,
    choices: Choices,
    history: PairHistory,
    facts: ProductFacts,
    pairs: _Pairs,
    taken_off: filters.Reasons,
) -> pa.Table:
    """The rows of the lists of some customers."""
    offered = np.flatnonzero(taken_off == OFFERED)
    left = _some(pairs, offered)
    is_bought = _places(inputs, history, left) != NEVER
    young = list(Source).index(Source.LIKE_PRODUCTS)
    made = lists(
        Candidates(
            customer=left.customer,
            product=left.product,
            probability=left.probability,
            is_bought=is_bought,
            is_young=left.source == young,
        ),
        choices.list_size,
        _exploration(inputs, choices),
    )
    candidate = np.concatenate([one.candidate for one in made.values()])
    names = np.repeat(list(made), [len(one.candidate) for one in made.values()])
    chosen = _some(left, candidate)
    why, which = _reasons(inputs, history, facts, chosen)
    price = inputs.price_cents[chosen.product]
    margin = np.rint(chosen.probability * price * choices.margin_share).astype(np.int64)
    sources = pa.array([one.value for one in Source], pa.string())
    rows = pa.table(
        [
            inputs.customers.take(pa.array(chosen.customer)),
            pa.array(names, pa.string()),
            pa.array(np.concatenate([one.rank for one in made.values()]), pa.int32()),
            inputs.purchases.product_ids.take(pa.array(chosen.product)),
            pa.array(chosen.probability),
            pa.array(margin, mask=price < 0),
            sources.take(pa.array(chosen.source)),
            pa.array([one.code for one in why], pa.string()).take(pa.array(which)),
            pa.array([one.sentence for one in why], pa.string()).take(pa.array(which)),
            pa.array(np.concatenate([one.propensity for one in made.values()])),
        ],
        schema=_ROWS,
    )
    return rows.sort_by([(name, "ascending") for name in ("customer_id", "list", "rank")])


def _reasons(
    inputs: DayInputs, history: PairHistory, facts: ProductFacts, chosen: _Pairs
) -> tuple[Sequence[Any], Ints]:
    """A reason for each different pair, and which one each row has."""
    keys = chosen.customer.astype(np.int64) << 32 | chosen.product
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    why = reasons(
        inputs.purchases,
        history,
        facts,
        customer=_purchase_codes(inputs, chosen)[first],
        product=chosen.product[first],
        leading=[LEADING[code] for code in chosen.leading[first].tolist()],
        similar=chosen.similar[first],
        similar_count=chosen.similar_count[first],
    )
    return why, np.asarray(which, dtype=np.int64)


def _exploration(inputs: DayInputs, choices: Choices) -> Exploration | None:
    if choices.explore_share == 0:
        return None
    customers, day = inputs.customers.to_pylist(), inputs.purchases.as_of
    return Exploration(
        share=choices.explore_share,
        is_drawn=places(customers, f"recommendation:{day}"),
        which=places(customers, f"recommended product:{day}"),
    )


def _exclusions(has_candidate: Bools, has_list: Bools, abnormal_count: int) -> pa.Table:
    """Customers without a list, counted by why."""
    counts = {
        "no_candidate": int((~has_candidate).sum()),
        "all_filtered": int((has_candidate & ~has_list).sum()),
        "abnormal": abnormal_count,
    }
    counts = {reason: number for reason, number in counts.items() if number}
    return pa.table(
        {
            "reason": pa.array(list(counts), pa.string()),
            "customers_count": pa.array(list(counts.values()), pa.int64()),
        }
    )


def _counted(counts: list[dict[str, object]]) -> pa.Table:
    numbers = ("pairs_count", "products_count", "customers_count")
    schema = pa.schema([("reason", pa.string()), *((name, pa.int64()) for name in numbers)])
    return pa.Table.from_pylist(counts, schema=schema)


def _places(inputs: DayInputs, history: PairHistory, pairs: _Pairs) -> Ints:
    return history.places(_purchase_codes(inputs, pairs), pairs.product)


def _purchase_codes(inputs: DayInputs, pairs: _Pairs) -> Codes:
    """The customers of the pairs by their code among the purchases, -1 for none."""
    return inputs.customer_codes[pairs.customer]


def _some(pairs: _Pairs, places_of: Ints) -> _Pairs:
    return _Pairs(
        customer=pairs.customer[places_of],
        product=pairs.product[places_of],
        source=pairs.source[places_of],
        leading=pairs.leading[places_of],
        similar=pairs.similar[places_of],
        similar_count=pairs.similar_count[places_of],
        probability=pairs.probability[places_of],
    )
