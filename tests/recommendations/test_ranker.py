"""The ranker: learnt from the past, the same twice, explained exactly, better than counting."""

from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.errors import NotReady, UnfitModel, UsageError
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.recommendations.fit_ranker import fit_ranker, matured_days
from retention_ml.recommendations.pair_features import FEATURES
from retention_ml.recommendations.purchases import PurchaseLog
from retention_ml.recommendations.ranked import ranked
from retention_ml.recommendations.ranker import Ranker
from retention_ml.statistics.arrays import logit
from tests.recommendations.conftest import LEARNING
from tests.worlds.purchases import day_of_history, habits


@pytest.fixture(scope="module")
def rows(shop: PurchaseLog, as_of: date, ranker: Ranker) -> pa.Table:
    """Everything ranked for some customers, one of them unknown."""
    return ranked(shop.known_at(as_of), as_of, pa.array(["c0003", "nobody", "c0001"]), ranker)


def test_days_to_learn_from_are_known_whole_and_apart(shop: PurchaseLog, as_of: date) -> None:
    days = matured_days(shop.upto(as_of), as_of, LEARNING)
    assert len(days) == 3
    assert days[0] + timedelta(days=28) <= as_of - timedelta(days=1)
    assert {(a - b).days for a, b in pairwise(days)} == {28}


def test_the_best_own_and_other_products_are_ranked_with_reasons(rows: pa.Table) -> None:
    assert rows.column_names == [
        "customer_id",
        "product_id",
        "source",
        "purchase_probability",
        "similar_product_id",
        "similar_customers_count",
        *(f"feature_{name}" for name in FEATURES),
        *(f"contribution_{name}" for name in FEATURES),
    ]
    assert rows["customer_id"].unique().to_pylist() == ["c0003", "nobody", "c0001"]
    for customer in ("c0003", "nobody", "c0001"):
        mine = rows.filter(pa.compute.equal(rows["customer_id"], customer)).to_pydict()
        probability = np.array(mine["purchase_probability"])
        assert (np.diff(probability) <= 0).all()
        assert ((probability > 0) & (probability < 1)).all()
        assert len(set(mine["product_id"])) == len(mine["product_id"])
        assert ("own" in mine["source"]) == (customer != "nobody")


def test_the_product_that_speaks_for_another_was_bought_together_with_it(
    shop: PurchaseLog, as_of: date, rows: pa.Table
) -> None:
    purchases = shop.known_at(as_of)
    names = purchases.product_ids.to_pylist()
    buyers = [set(purchases.customer[purchases.product == at].tolist()) for at in range(len(names))]
    named = rows.filter(pa.compute.is_valid(rows["similar_product_id"])).to_pylist()
    assert len(named) > 10
    for row in named:
        assert row["source"] != "own"
        me = purchases.codes(pa.array([row["customer_id"]]))[0]
        one, other = (names.index(row[key]) for key in ("similar_product_id", "product_id"))
        assert me in buyers[one]
        assert row["similar_customers_count"] == len(buyers[one] & buyers[other]) > 0


def test_contributions_add_up_to_the_log_odds(rows: pa.Table) -> None:
    added = sum(rows[f"contribution_{name}"].to_numpy() for name in FEATURES)
    base = logit(rows["purchase_probability"].to_numpy()) - added
    np.testing.assert_allclose(base, base[0], atol=1e-4)


def test_noise_after_the_day_changes_no_byte(
    shop: PurchaseLog, as_of: date, ranker: Ranker, rows: pa.Table
) -> None:
    other = habits(seed=1, days=240)
    later = other.known_from_day > (as_of - date(1970, 1, 1)).days
    other.product[later] = other.product[later][::-1]
    other.lines_count[later] = 7
    again = fit_ranker(other.upto(as_of), as_of=as_of, learning=LEARNING)
    assert again.sha256 == ranker.sha256
    noisy = ranked(
        other.upto(as_of).known_at(as_of), as_of, pa.array(["c0003", "nobody", "c0001"]), again
    )
    assert noisy.equals(rows)


def test_the_ranker_is_above_counting_on_days_it_has_not_seen(
    shop: PurchaseLog, as_of: date, ranker: Ranker
) -> None:
    from retention_ml.recommendations.baselines.popularity import most_bought, personal_frequency
    from retention_ml.recommendations.metrics import Lists, Truth, customer_metrics

    purchases, outcome = shop.known_at(as_of), shop.outcome(as_of, 28)
    customers = purchases.active(90)
    is_active = np.isin(outcome.customer, customers)
    truth = Truth.of(outcome.customer, outcome.product, is_active)
    table = ranked(purchases, as_of, purchases.customer_ids.take(pa.array(customers)), ranker)
    products = pa.compute.index_in(table["product_id"], value_set=purchases.product_ids)
    champion = Lists.top(
        purchases.codes(table["customer_id"]),
        products.to_numpy().astype(np.int32),
        table["purchase_probability"].to_numpy(),
        10,
    )
    ndcg = {"champion": customer_metrics(champion, truth)["ndcg"].mean()}
    for method in (personal_frequency, most_bought):
        best = method(purchases, customers)
        lists = Lists.top(customers[best.owner], best.product, best.score, 10)
        ndcg[method.__name__] = customer_metrics(lists, truth)["ndcg"].mean()
    assert ndcg["champion"] > ndcg["personal_frequency"] + 0.005
    assert ndcg["personal_frequency"] > ndcg["most_bought"] + 0.02


def test_a_written_bundle_is_read_back_and_a_changed_one_refused(
    ranker: Ranker, tmp_path: Path
) -> None:
    folder = ranker.bundle.write(tmp_path / "ranker")
    assert Ranker.load(folder, ranker.sha256).sha256 == ranker.sha256
    with (folder / "model_0.lgb").open("a") as file:
        file.write(" ")
    with pytest.raises(UnfitModel, match="changed after they were registered"):
        Ranker.load(folder, ranker.sha256)


def test_a_model_of_churn_ranks_no_products(ranker: Ranker) -> None:
    manifest = {**ranker.bundle.manifest, "recommendations": None}
    other = Bundle(
        manifest=manifest, predictor=ranker.bundle.predictor, contents={}, sha256="0" * 64
    )
    with pytest.raises(UnfitModel, match="ranks no products: expected"):
        Ranker.of(other)


def test_a_week_of_data_is_refused_with_what_is_missing(shop: PurchaseLog) -> None:
    day = day_of_history(7)
    with pytest.raises(NotReady, match="expected at least 57 days of them"):
        fit_ranker(shop.upto(day), as_of=day, learning=LEARNING)


def test_purchases_of_another_day_are_refused(shop: PurchaseLog, as_of: date) -> None:
    with pytest.raises(UsageError, match="The purchases are those known at"):
        ranked(shop.known_at(as_of), as_of + timedelta(days=1), pa.array(["c0001"]), None)


def test_without_a_ranker_own_products_and_best_sellers_are_ranked(
    shop: PurchaseLog, as_of: date
) -> None:
    purchases = shop.known_at(as_of)
    table = ranked(purchases, as_of, pa.array(["c0001", "nobody"]), None)
    mine = table.filter(pa.compute.equal(table["customer_id"], "c0001"))
    assert set(mine["source"].to_pylist()) == {"own", "best_seller"}
    guest = table.filter(pa.compute.equal(table["customer_id"], "nobody"))
    assert set(guest["source"].to_pylist()) == {"best_seller"}
    probability = table["purchase_probability"].to_numpy()
    assert ((probability >= 0) & (probability <= 1)).all()


def test_what_lists_may_have_is_there_where_the_best_are_filtered(
    shop: PurchaseLog, as_of: date, ranker: Ranker
) -> None:
    purchases, customer = shop.known_at(as_of), pa.array(["c0003"])
    every = ranker.ranked(purchases, customer, count=10_000, with_contributions=False)
    best = set(ranker.ranked(purchases, customer, count=5)["product_id"].to_pylist())
    codes = purchases.product_ids.index
    refused = np.array([codes(product).as_py() for product in best])
    rows = ranker.ranked(
        purchases, customer, count=5, is_offered=lambda _, product: ~np.isin(product, refused)
    )
    left = [row for row in every.to_pylist() if row["product_id"] not in best]
    bought = [row["product_id"] for row in left if row["source"] == "own"][:5]
    others = [row["product_id"] for row in left if row["source"] != "own"][:5]
    assert bought
    assert others
    assert set(rows["product_id"].to_pylist()) == best | {*bought, *others}
