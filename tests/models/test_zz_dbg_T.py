"""What models say against what is true: simulated shops whose hazards are known.

A customer's own rates and whether he has left are never seen. What can be known of him is his
posterior probability of no order given his purchases: computed here from the simulator's own
distributions, by quadrature, without any of the library's models.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import gamma

from retention_ml.features import build
from retention_ml.features.store import read
from retention_ml.models.arrays import Floats, Ints, sigmoid
from retention_ml.models.btyd.histories import Histories
from retention_ml.models.btyd.nbd import BuyTillYouDie
from retention_ml.models.btyd.predictor import FEATURES as PROCESS_FEATURES
from retention_ml.models.candidates import candidate
from retention_ml.models.material import days_of, material
from retention_ml.models.metrics import Predictions, evaluate, score
from retention_ml.models.rows import Rows
from retention_ml.settings import load
from retention_ml.simulate import population as people_of
from retention_ml.simulate.campaigns import Contacts
from retention_ml.simulate.population import Population, population
from retention_ml.simulate.purchases import Purchases, purchases
from retention_ml.simulate.seasons import EPOCH, ShopCalendar
from retention_ml.simulate.truth import churn_probability
from retention_ml.stack.postgres import EmbeddedPostgres
from retention_ml.warehouse import Warehouse
from tests import shops
from tests.models.btyd_worlds import simulate

FIRST = date(2022, 12, 1)
DAYS = 940
CUSTOMERS = 6_000
AS_OF = (date(2025, 4, 1), date(2025, 4, 29), date(2025, 5, 27))
HORIZON = 28
ACTIVE = 90
MODELS = ("mbg_nbd", "ensemble")


@dataclass(frozen=True, kw_only=True)
class World:
    """A simulated shop without campaigns."""

    people: Population
    orders: Purchases
    calendar: ShopCalendar

    def latent(self, as_of: date) -> Floats:
        """The true probability of no order given rates and life of every customer, shape (n,)."""
        return churn_probability(self._table(self.people), as_of, HORIZON)

    def knowable(self, as_of: date, customers: Ints) -> Floats:
        """The probability of no order of active customers, given what they bought, shape (m,).

        The posterior over order and dropout rates on a grid; whoever has left is silent, whoever
        has not follows the simulator's closed form.
        """
        end = float((as_of - FIRST).days)
        before = self.orders.at < end
        who, at = self.orders.customer[before], self.orders.at[before]
        count = np.bincount(who, minlength=len(self.people))[customers] - 1
        last = np.zeros(len(self.people))
        np.maximum.at(last, who, at)
        first, last = self.people.first_order_at[customers], last[customers]
        rates, rate_mass = _rates()
        dropouts, dropout_mass = _dropouts()
        rate, dropout = (grid.ravel() for grid in np.meshgrid(rates, dropouts, indexing="ij"))
        prior = np.outer(rate_mass, dropout_mass).ravel()
        # Left on some day since `start`, silent until then: from each day to the end, by grid.
        start = end - ACTIVE
        steps = np.arange(start, end + 1)
        busy = np.diff(self.calendar.activity(steps))
        kept = np.exp(
            -rate[:, None] * np.concatenate([[0.0], np.cumsum(busy)])
            - dropout[:, None] * (steps - start)
        )
        hazard = rate[:, None] * busy + dropout[:, None]
        daily = dropout[:, None] / hazard * (kept[:, :-1] - kept[:, 1:])
        to_end = np.concatenate(
            [np.cumsum(daily[:, ::-1], axis=1)[:, ::-1], np.zeros((len(rate), 1))], axis=1
        )
        place = np.clip(last - start, 0, ACTIVE)
        low = np.minimum(place.astype(np.int64), ACTIVE - 1)
        share = place - low
        left = (1 - share)[:, None] * to_end.T[low] + share[:, None] * to_end.T[low + 1]
        activity = self.calendar.activity(np.array([start])) - self.calendar.activity(first)
        weight = prior * np.exp(
            count[:, None] * np.log(rate)
            - rate * activity[:, None]
            - dropout * (start - first)[:, None]
        )
        alive, gone = weight * kept[:, -1], weight * left
        silent = self._silent(rate, dropout, as_of)
        once = np.where(count == 0, _once(), 0.0)
        total = alive.sum(axis=1) + gone.sum(axis=1) + once
        return np.asarray(1 - (alive * (1 - silent)).sum(axis=1) / total)

    def _silent(self, rate: Floats, dropout: Floats, as_of: date) -> Floats:
        table = pa.table(
            {
                "purchase_rate_per_day": rate,
                "dropout_rate_per_day": dropout,
                "contact_multiplier": np.ones(len(rate)),
                "first_day": pa.array([FIRST] * len(rate), pa.date32()),
                "registered_at_days": np.zeros(len(rate)),
                "first_order_at_days": np.zeros(len(rate)),
                "dropped_out_at_days": np.full(len(rate), 1e9),
            }
        )
        return churn_probability(table, as_of, HORIZON)

    @staticmethod
    def _table(people: Population) -> pa.Table:
        return pa.table(
            {
                "purchase_rate_per_day": people.purchase_rate_per_day,
                "dropout_rate_per_day": people.dropout_rate_per_day,
                "contact_multiplier": people.contact_multiplier,
                "first_day": pa.array([FIRST] * len(people), pa.date32()),
                "registered_at_days": people.registered_at,
                "first_order_at_days": people.first_order_at,
                "dropped_out_at_days": people.dropped_out_at,
            }
        )


def _rates() -> tuple[Floats, Floats]:
    """Order rates on a grid, and the share of customers with each who may buy again."""
    edges = np.geomspace(2e-4, 0.5, 91)
    mass = np.zeros(90)
    for kind in people_of.TYPES:
        below = gamma.cdf(
            edges, people_of.RATE_SHAPE, scale=kind.mean_orders_per_day / people_of.RATE_SHAPE
        )
        mass += kind.share * (1 - kind.one_time_share) * np.diff(below)
    return np.sqrt(edges[1:] * edges[:-1]), mass


def _dropouts() -> tuple[Floats, Floats]:
    edges = np.geomspace(5e-5, 0.06, 25)
    scale = people_of.MEAN_DROPOUT_PER_DAY / people_of.DROPOUT_SHAPE
    mass = np.diff(gamma.cdf(edges, people_of.DROPOUT_SHAPE, scale=scale))
    return np.sqrt(edges[1:] * edges[:-1]), mass


def _once() -> float:
    """Share of customers who buy once and leave."""
    return sum(kind.share * kind.one_time_share for kind in people_of.TYPES)


@dataclass(frozen=True, kw_only=True)
class Day:
    """What is true of the customers active on a day, and what models say; each shape (n,)."""

    churned: Floats
    latent: Floats
    knowable: Floats
    said: dict[str, Floats]


@pytest.fixture(scope="module")
def world() -> World:
    calendar = ShopCalendar(first_day=FIRST, days=DAYS, timezone="UTC")
    people = population(np.random.default_rng(21), customers=CUSTOMERS, days=1600)
    nobody = np.zeros((0, CUSTOMERS), dtype=np.bool_)
    orders = purchases(
        np.random.default_rng(22),
        people,
        calendar,
        (),
        Contacts(is_eligible=nobody, is_contacted=nobody),
    )
    return World(people=people, orders=orders, calendar=calendar)


@pytest.fixture(scope="module")
def days(
    world: World,
    postgres: EmbeddedPostgres,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[list[Day]]:
    """The shop's orders through the real doors, and three days of it."""
    settings = load(
        {
            "RETENTION_HOME": str(tmp_path_factory.mktemp("truth")),
            "RETENTION_TRAINING__CUTOFF_COUNT": "4",
            "RETENTION_TRAINING__CUTOFF_EVERY_DAYS": "28",
        }
    )
    assert (settings.churn.horizon_days, settings.churn.active_days) == (HORIZON, ACTIVE)
    name = f"truth_{uuid4().hex[:8]}"
    admin = Warehouse(postgres.url())
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    admin.close()
    warehouse = Warehouse(postgres.url(name))
    seconds = (world.orders.at * 86_400).astype(np.int64)
    start = int(datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC).timestamp())
    shops.fill(
        warehouse,
        "orders",
        pa.table(
            {
                "order_id": [f"o{number}" for number in range(len(seconds))],
                "customer_id": [f"{customer}" for customer in world.orders.customer],
                "event_at": pa.array((start + seconds) * 1_000_000, pa.timestamp("us", tz="UTC")),
            }
        ),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "_check", lambda *_: None)
        needed = {
            day
            for as_of in AS_OF
            for day in (*days_of(warehouse, settings=settings, as_of=as_of), as_of)
        }
        build.ensure(warehouse, settings=settings, days=sorted(needed))
        found = []
        for as_of in AS_OF:
            rows = material(warehouse, settings=settings, as_of=as_of).rows
            today = read(warehouse, [as_of])
            customers = np.array([int(each) for each in today["customer_id"].to_pylist()])
            begins = (as_of - FIRST).days
            inside = (world.orders.at >= begins) & (world.orders.at < begins + HORIZON)
            churned = ~np.isin(customers, world.orders.customer[inside])
            said = {
                model: candidate(model).fit(rows, seed=1, threads=2).to_bundle(model).predict(today)
                for model in MODELS
            }
            from dataclasses import replace
            m1=candidate("ensemble").fit(rows,seed=1,threads=2)
            said["noseason"]=candidate("ensemble").fit(replace(rows,volumes=None),seed=1,threads=2).to_bundle("x").predict(today)
            print(as_of, m1.notes)
            from retention_ml.simulate.seasons import season_factor
            d0=(as_of-EPOCH).days
            print("true log shift", np.log(season_factor(d0+np.arange(28)).mean()/season_factor(rows.newest().days[0]+np.arange(28)).mean()))
            v=rows.volumes
            print("volumes", [int(v.total(a,a+28)) for a in range(int(v.days[0]), d0, 28)])
            found.append(
                Day(
                    churned=churned.astype(np.float64),
                    latent=world.latent(as_of)[customers],
                    knowable=world.knowable(as_of, customers),
                    said=said,
                )
            )
    yield found
    warehouse.close()



def test_print(days):
    for day in days:
        print(len(day.churned), day.churned.mean(), day.latent.mean(), day.knowable.mean())
        for m, p in day.said.items():
            s = score(p, day.churned)
            print(m, "mae", np.abs(p-day.knowable).mean(), "bias", (p-day.knowable).mean(), "auc", s["roc_auc"], s["log_loss"], s["ece"])
            o = np.argsort(p)
            print(["%.2f" % ((day.churned[c]-p[c]).sum()/np.sqrt((p[c]*(1-p[c])).sum())) for c in np.array_split(o, 10)], ["%.2f" % ((day.churned[c]-day.knowable[c]).sum()/np.sqrt((p[c]*(1-p[c])).sum())) for c in np.array_split(o, 10)])
