"""Who is in the holdout: the same in Python and in the database, and unrelated to other draws."""

import numpy as np
import pytest

from retention_ml.actions.holdout.membership import (
    dependence_p_value,
    in_holdout,
    in_holdout_sql,
    period_salt,
)
from retention_ml.statistics.lots import places
from retention_ml.warehouse import Warehouse

IDS = [f"c{number:05d}" for number in range(20_000)]


def test_the_database_draws_the_same_holdout(warehouse: Warehouse) -> None:
    ids = [*IDS[:500], "Zoë", "名", "a'b", ""]
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            f"SELECT id, {in_holdout_sql(':salt', ':share', 'id')} AS is_member "
            "FROM unnest(CAST(:ids AS text[])) AS id",
            salt="holdout:h1",
            share=0.3,
            ids=ids,
        )
    drawn = {row.id: row.is_member for row in rows}
    assert [drawn[each] for each in ids] == in_holdout(ids, "holdout:h1", 0.3).tolist()


def test_a_larger_share_only_adds_customers_and_another_period_draws_others() -> None:
    small, large = (in_holdout(IDS, "holdout:h1", share) for share in (0.1, 0.2))
    assert not (small & ~large).any()
    assert small.mean() == pytest.approx(0.1, abs=0.01)
    other = in_holdout(IDS, period_salt("h1", 2), 0.1)
    assert (small & other).mean() == pytest.approx(0.01, abs=0.004)


def test_the_holdout_is_independent_of_the_trial_even_with_equal_salts() -> None:
    arm = places(IDS, "1") < 0.1
    assert dependence_p_value(in_holdout(IDS, period_salt("1", 1), 0.1), arm) > 0.001


def test_a_holdout_inside_the_arm_of_the_trial_is_noticed() -> None:
    """The planted defect: the purpose before the salt is forgotten."""
    arm = places(IDS, "1") < 0.1
    naive = np.asarray(places(IDS, "1") < 0.1)
    assert dependence_p_value(naive, arm) < 1e-50


def test_a_holdout_that_outlasts_the_contacted_is_no_dependence() -> None:
    """Who was contacted leaves, in both arms alike; the holdout stays."""
    arm, member = places(IDS, "1") < 0.1, in_holdout(IDS, period_salt("1", 1), 0.1)
    stays = member | (places(IDS, "contacted") < 0.3)
    assert member[stays].mean() > 0.2
    assert dependence_p_value(member[stays], arm[stays]) > 0.001
