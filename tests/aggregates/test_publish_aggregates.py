"""Counts of a week or month are published once, with noise, and paid from the month's budget."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest

from retention_ml.aggregates import publish_aggregates as door
from retention_ml.aggregates.kinds import Kind
from retention_ml.aggregates.laplace import laplace
from retention_ml.aggregates.releases import read_releases
from retention_ml.errors import NotReady, PublicationRefused, UsageError, WarehouseError
from retention_ml.schema.migrate import migrate
from retention_ml.schema.rights import PUBLIC
from tests.aggregates.conftest import EXACT, MONDAYS, SIZES, PublicShop

MONDAY = MONDAYS[0]


def test_a_week_is_published_with_noise_its_price_and_its_error(public_shop: PublicShop) -> None:
    receipt = public_shop.publish(MONDAY)
    rows = public_shop.rows("SELECT * FROM reports.public_risk_tiers ORDER BY tier_rank")
    assert [(row["risk_tier"], row["tier_rank"]) for row in rows] == [
        ("critical", 1), ("high", 2), ("medium", 3), ("low", 4),
    ]  # fmt: skip
    for row in rows:
        # Noise of more than 100 customers: 2e-9 of all draws at epsilon 0.2.
        assert abs((row["customers_count"] or 0) - SIZES[row["risk_tier"]]) <= 100
        assert (row["week_on"], row["as_of"], row["epsilon"]) == (MONDAY, MONDAY, 0.2)
        assert (row["margin_count"], row["cell_min"]) == (15, 10)
        assert row["is_suppressed"] == (row["customers_count"] is None)
    assert (receipt.read, receipt.written + receipt.left_out) == (4, 4)
    assert public_shop.spent() == 0.2


def test_neither_receipt_nor_ledger_says_how_many_customers_there_are(
    public_shop: PublicShop,
) -> None:
    public_shop.set(public_tiers_epsilon=0.01, public_cell_min=1)
    receipt = public_shop.publish(MONDAY)
    shown = str(receipt.to_dict()) + str(
        public_shop.rows("SELECT * FROM ops.receipts WHERE door = 'publish_aggregates'")
    )
    shown += str(public_shop.rows("SELECT * FROM privacy.releases"))
    for count in (*SIZES.values(), sum(SIZES.values())):
        assert f" {count}," not in shown
    # Of noise with a scale of 100 all four are exact with a probability of 6e-10.
    assert public_shop.counts() != SIZES


def test_published_twice_it_is_drawn_once_and_paid_once(public_shop: PublicShop) -> None:
    public_shop.publish(MONDAY)
    counts = public_shop.counts()
    again = public_shop.publish(MONDAY)
    assert (again.written, again.duplicates, again.details["is_repeat"]) == (0, 4, True)
    assert public_shop.publish(MONDAY + timedelta(days=6)).details["is_repeat"]
    assert public_shop.counts() == counts
    assert public_shop.spent() == 0.2


def test_scores_that_are_restated_do_not_change_what_was_published(public_shop: PublicShop) -> None:
    public_shop.publish(MONDAY)
    counts = public_shop.counts()
    public_shop.score(MONDAY, (200, 100, 50, 50))
    assert public_shop.publish(MONDAY).details["is_repeat"]
    assert public_shop.counts() == counts


def test_it_stands_also_after_it_was_switched_off(public_shop: PublicShop) -> None:
    public_shop.publish(MONDAY)
    public_shop.set(public_aggregates=False)
    assert public_shop.publish(MONDAY).details["is_repeat"]
    with pytest.raises(NotReady, match=r"Public aggregates are off, .* public_aggregates = true"):
        public_shop.publish(MONDAYS[1])


def test_the_first_published_day_of_the_week_counts(public_shop: PublicShop) -> None:
    second = MONDAYS[1]
    with pytest.raises(NotReady, match=f"no scores of {second} to {second} are"):
        public_shop.publish(second)
    for offset in (2, 4):
        public_shop.score(second + timedelta(days=offset))
    receipt = public_shop.publish(second + timedelta(days=6))
    assert receipt.as_of == second + timedelta(days=2)
    assert receipt.details["period_on"] == f"{second}"


def test_a_spent_budget_refuses_and_nothing_is_published_or_spent(public_shop: PublicShop) -> None:
    public_shop.set(public_epsilon_month=0.3)
    public_shop.publish(MONDAY)  # of 2025-01-20
    public_shop.score(MONDAYS[1])
    with pytest.raises(
        PublicationRefused, match=r"January 2025 have spent ε 0\.2 of 0\.3\. .*02-01"
    ):
        public_shop.publish(MONDAYS[1])
    assert len(public_shop.rows("SELECT * FROM reports.public_risk_tiers")) == 4
    assert public_shop.spent() == 0.2
    public_shop.score(MONDAYS[2])  # of 2025-02-03
    assert not public_shop.publish(MONDAYS[2]).details["is_repeat"]


def test_a_past_week_is_paid_from_its_own_month(public_shop: PublicShop) -> None:
    public_shop.set(public_epsilon_month=0.2)
    public_shop.score(MONDAYS[2])
    public_shop.publish(MONDAYS[2])
    assert not public_shop.publish(MONDAY).details["is_repeat"]
    assert [row.period_on for row in read_releases(public_shop.warehouse)] == [MONDAYS[2], MONDAY]


def _with_cohorts(world: PublicShop, day: date) -> None:
    """Forty customers of ten years ago, ten of last month, the others of the month before."""
    last, before = date(2025, 1, 5), date(2024, 12, 24)
    profiled = [date(2015, 1, 1)] * 40 + [last] * 10 + [before] * (world.shop.customers - 51)
    world.profile(day, [*profiled, None])


def test_both_kinds_share_one_budget(public_shop: PublicShop) -> None:
    _with_cohorts(public_shop, MONDAY)
    public_shop.set(public_epsilon_month=0.6, public_cohorts_epsilon=0.5)
    public_shop.publish(MONDAY, Kind.COHORTS)
    with pytest.raises(PublicationRefused, match=r"have spent ε 0\.5 of 0\.6"):
        public_shop.publish(MONDAY, Kind.RISK_TIERS)


def test_a_month_is_published_by_cohort_and_tier_and_every_customer_is_in_one_cell(
    public_shop: PublicShop,
) -> None:
    public_shop.set(public_epsilon_month=EXACT, public_cohorts_epsilon=EXACT, public_cell_min=1)
    with pytest.raises(NotReady, match="no scores with profiles of 2025-01-01 to 2025-01-20 are"):
        public_shop.publish(MONDAY, Kind.COHORTS)
    _with_cohorts(public_shop, MONDAY)
    receipt = public_shop.publish(MONDAY, Kind.COHORTS)
    assert receipt.read == 52
    rows = public_shop.rows(
        "SELECT cohort_on, sum(customers_count)::int AS n, count(*) AS cells "
        "FROM reports.public_cohorts GROUP BY 1 ORDER BY 1 NULLS FIRST"
    )
    assert {row["cells"] for row in rows} == {4}
    assert [row["cohort_on"] for row in rows][::12] == [None, date(2025, 1, 1)]
    counts = {row["cohort_on"]: row["n"] for row in rows if row["n"] is not None}
    total = public_shop.shop.customers
    assert counts == {
        None: 41,
        date(2025, 1, 1): 10,
        date(2024, 12, 1): total - 51,
    }


def test_a_month_whose_profiles_were_deleted_is_not_published(public_shop: PublicShop) -> None:
    public_shop.set(public_epsilon_month=EXACT, public_cohorts_epsilon=EXACT)
    _with_cohorts(public_shop, MONDAY)
    with public_shop.warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM profiles.customer_daily")
        transaction.execute("UPDATE profiles.snapshots SET customers_pruned_at = published_at")
    with pytest.raises(NotReady, match="no scores with profiles of"):
        public_shop.publish(MONDAY, Kind.COHORTS)


def test_who_refuses_profiling_or_is_gone_since_is_not_counted(public_shop: PublicShop) -> None:
    public_shop.set(public_epsilon_month=EXACT, public_tiers_epsilon=EXACT)
    [critical, *_], names = tuple(SIZES.values()), public_shop.shop.names
    at = datetime(2025, 3, 1, tzinfo=UTC)
    with public_shop.warehouse.transaction() as transaction:
        for name in names[:20]:
            transaction.insert_row(
                "privacy.consents",
                {
                    "customer_id": name, "purpose": "profiling", "is_given": False,
                    "event_at": at, "recorded_at": at, "recorded_by": "test", "run_id": "test",
                },
            )  # fmt: skip
        transaction.execute(
            "DELETE FROM scores.customer_daily WHERE customer_id = ANY (:names)", names=names[20:25]
        )
    public_shop.publish(MONDAY)
    assert public_shop.counts() == SIZES | {"critical": critical - 25}


def test_no_published_count_is_below_the_bound(public_shop: PublicShop) -> None:
    public_shop.set(public_epsilon_month=EXACT)
    for day in MONDAYS:
        public_shop.score(day, (3, 9, 12, 15))
        public_shop.publish(day)
    rows = public_shop.rows("SELECT customers_count, is_suppressed FROM reports.public_risk_tiers")
    assert len(rows) == 4 * len(MONDAYS)
    # None of 24 counts suppressed, or all of them: each less than 1e-7.
    assert {row["is_suppressed"] for row in rows} == {True, False}
    assert min(row["customers_count"] or 10 for row in rows) >= 10


def test_tiers_by_rank_are_refused(public_shop: PublicShop) -> None:
    with public_shop.warehouse.transaction() as transaction:
        transaction.execute("UPDATE scores.snapshots SET tiers_by = 'share'")
    with pytest.raises(UsageError, match="go by share: there one customer moves others"):
        public_shop.publish(MONDAY)
    assert public_shop.spent() == 0


def test_a_kind_without_a_share_is_not_published(public_shop: PublicShop) -> None:
    with pytest.raises(NotReady, match="cohorts are not published, because public_cohorts_epsilon"):
        public_shop.publish(MONDAY, Kind.COHORTS)


def test_of_publishers_at_once_one_draws_and_the_others_return_what_stands(
    public_shop: PublicShop,
) -> None:
    laplace(0.2, customer_cells_max=1)  # imported once, not by four threads
    with ThreadPoolExecutor(4) as threads:
        receipts = list(threads.map(public_shop.publish, [MONDAY] * 4))
    assert sorted(receipt.details["is_repeat"] for receipt in receipts) == [False, True, True, True]
    assert public_shop.spent() == 0.2


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE privacy.releases SET epsilon = 0.01",
        "DELETE FROM privacy.released_cells",
        "UPDATE privacy.released_cells SET customers_count = 7",
        "TRUNCATE privacy.releases CASCADE",
    ],
)
def test_what_was_published_is_not_changed(public_shop: PublicShop, change: str) -> None:
    public_shop.publish(MONDAY)
    with (
        pytest.raises(WarehouseError, match="only added to: what was published stands"),
        public_shop.warehouse.transaction() as transaction,
        transaction.savepoint(),
    ):
        transaction.execute(change)


def test_the_public_reads_counts_with_noise_and_nothing_exact(public_shop: PublicShop) -> None:
    with public_shop.warehouse.transaction() as transaction:
        transaction.execute(
            f"DO $$ BEGIN CREATE ROLE {PUBLIC}; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        )
    migrate(public_shop.warehouse)
    public_shop.publish(MONDAY)
    with public_shop.warehouse.transaction() as transaction:
        transaction.execute(f"SET LOCAL ROLE {PUBLIC}")
        assert len(transaction.execute("SELECT * FROM reports.public_risk_tiers")) == 4
        assert transaction.execute("SELECT * FROM reports.public_cohorts") == []
        for exact in (
            "reports.risk_tier_daily", "reports.customer_risk", "privacy.releases",
            "privacy.released_cells", "scores.tier_totals", "ops.receipts",
        ):  # fmt: skip
            with pytest.raises(WarehouseError, match="permission denied"), transaction.savepoint():
                transaction.execute(f"SELECT 1 FROM {exact}")


def test_a_door_that_draws_each_time_gives_the_count_away(
    public_shop: PublicShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: without the ledger the mean of a few hundred answers is exact."""
    mechanism = laplace(0.2, customer_cells_max=1)
    answers = [mechanism.draw(list(SIZES.values())) for _ in range(4_000)]
    means = [sum(values) / len(values) for values in zip(*answers, strict=True)]
    # The standard error of a mean is 0.11: half a customer is 4.5 of them.
    assert [round(mean) for mean in means] == list(SIZES.values())
    monkeypatch.setattr(door, "laplace", lambda *_, **__: mechanism)
    public_shop.publish(MONDAY)
    counts = public_shop.counts()
    for _ in range(3):
        public_shop.publish(MONDAY)
        assert public_shop.counts() == counts
