"""A shop on disk goes on day by day: reproducible, repeatable, with the laws of the arrays."""

import hashlib
import shutil
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from retention_ml.curated.ingest import ingest
from retention_ml.errors import UsageError
from retention_ml.settings import load
from retention_ml.simulate import simulate
from retention_ml.simulate.response import contact_log, respond
from retention_ml.simulate.response.contact_log import Contact, read_contacts
from retention_ml.simulate.response.continued_shop import Simulation
from retention_ml.simulate.response.potential_outcomes import potential_outcomes
from retention_ml.simulate.response.worlds import FOUR_TYPES, NO_EFFECT
from retention_ml.simulate.shop import TIMEZONE
from retention_ml.warehouse import Warehouse

FIRST = date(2024, 1, 1)
SIMULATION = Simulation(customers=1_500, days=120, seed=5, first_day=FIRST, timezone=TIMEZONE)
START = FIRST + timedelta(days=120)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,500 customers over 120 days."""
    folder = tmp_path_factory.mktemp("simulated") / "shop"
    simulate(customers=1_500, days=120, seed=5, out=folder, first_day=FIRST, defect_share=0)
    return folder


@pytest.fixture
def out(simulated: Path, tmp_path: Path) -> Path:
    """A copy that may be gone on with."""
    return shutil.copytree(simulated, tmp_path / "shop")


def _contacts(day: date, action_id: str = "email", every: int = 3) -> list[Contact]:
    return [Contact(day, f"C{number:07d}", action_id) for number in range(1, 1_501, every)]


@pytest.fixture(scope="module")
def month(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen days; everybody was sent a coupon on the first and on the last."""
    folder = shutil.copytree(simulated, tmp_path_factory.mktemp("month") / "shop")
    _live(folder, 16, every=1, actions=("coupon",))
    return folder


def _live(out: Path, days: int, every: int = 3, actions: tuple[str, ...] = ("email",)) -> None:
    for number in range(days):
        day = START + timedelta(days=number)
        action_id = actions[number % len(actions)]
        sent = _contacts(day, action_id, every) if number % 15 == 0 else []
        respond.respond(SIMULATION, FOUR_TYPES, out=out, day=day, contacts=sent)


def _digests(out: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*.csv"))
    }


def _rows(out: Path, feed: str) -> duckdb.DuckDBPyRelation:
    # Days of the continuation alone: names end in a day, not in a month.
    return duckdb.connect().read_csv(str(out / f"{feed}_????-??-??.csv"))


def test_a_day_lived_through_again_has_the_same_bytes(out: Path, tmp_path: Path) -> None:
    _live(out, 4)
    before = _digests(out)
    again = respond.respond(SIMULATION, FOUR_TYPES, out=out, day=START, contacts=_contacts(START))
    assert again["contacts"] == 500
    assert _digests(out) == before
    other = shutil.copytree(out, tmp_path / "other")
    for path in other.glob("*_????-??-??.csv"):
        path.unlink()
    shutil.rmtree(other / "response")
    _live(other, 4)
    assert _digests(other) == before


def test_a_day_is_not_touched_by_what_comes_after(out: Path) -> None:
    _live(out, 2)
    before = _digests(out)
    for number in range(2, 4):
        day = START + timedelta(days=number)
        respond.respond(SIMULATION, FOUR_TYPES, out=out, day=day, contacts=_contacts(day))
    assert before.items() <= _digests(out).items()


def test_contacts_work_from_the_next_day_on_as_in_closed_form(month: Path) -> None:
    shop = respond.shop_at(SIMULATION, FOUR_TYPES, out=month, day=START + timedelta(days=1))
    assert shop.today == 121
    customers = np.arange(1_500)
    reached = shop.action > 0
    assert 1_450 < reached[:1_500].sum() < 1_500  # some addresses are dead
    truth = potential_outcomes(shop, customers, 14)
    expected = np.where(reached[:1_500], truth.orders[:, 2], truth.orders[:, 0])
    lines = _rows(month, "order_lines").filter(
        f"order_id LIKE 'O%' AND ordered_at >= '{START + timedelta(days=1)}' "
        f"AND ordered_at < '{START + timedelta(days=15)}' AND customer_id <= 'C0001500'"
    )
    counts = dict(lines.aggregate("customer_id, count(DISTINCT order_id) AS orders").fetchall())
    observed = np.array([counts.get(f"C{number:07d}", 0) for number in customers + 1])
    z = (observed - expected).sum() / np.sqrt(expected.sum())
    assert abs(z) < 3.5
    alone = truth.orders[:, 0]
    persuadable = shop.people.type_index[:1_500] == 0
    gain = (observed - alone)[persuadable].sum() / np.sqrt(expected[persuadable].sum())
    assert gain > 3.5  # a shop that does not answer would be caught


def test_opened_clicked_redeemed_bounced_and_withdrawn_follow_the_contacts(month: Path) -> None:
    kinds = dict(_rows(month, "campaign_contacts").aggregate("kind, count(*)").fetchall())
    assert set(kinds) == {"opened", "clicked", "redeemed"}
    assert kinds["opened"] == pytest.approx(0.4 * 2 * 1_480, rel=0.15)
    assert 10 < kinds["redeemed"] < kinds["opened"]
    discounted = (
        duckdb.connect()
        .execute(
            "SELECT order_id, sum(CASE WHEN l.product_id <> 'POST' THEN discount END) AS off "
            "FROM read_csv($1) AS r JOIN read_csv($2) AS l "
            "ON r.customer_id = l.customer_id AND happened_at = ordered_at "
            "WHERE kind = 'redeemed' GROUP BY order_id",
            [
                str(month / f"{feed}_????-??-??.csv")
                for feed in ("campaign_contacts", "order_lines")
            ],
        )
        .fetchall()
    )
    assert len(discounted) == kinds["redeemed"]
    assert all(off > 0 for _, off in discounted)
    redeemed = _rows(month, "campaign_contacts").filter("kind = 'redeemed'")
    once = redeemed.aggregate("customer_id, campaign_id, count(*) AS times").fetchall()
    assert all(times == 1 for *_, times in once)
    statements = dict(_rows(month, "contact_permissions").aggregate("kind, count(*)").fetchall())
    assert set(statements) >= {"granted", "bounced", "withdrawn"}
    assert statements["bounced"] == pytest.approx(2 * 15, abs=20)


def test_who_is_contacted_after_withdrawing_is_counted(out: Path) -> None:
    summaries = []
    for number in range(3):
        day = START + timedelta(days=number)
        summaries.append(
            respond.respond(
                SIMULATION, FOUR_TYPES, out=out, day=day, contacts=_contacts(day, every=1)
            )
        )
    assert summaries[0]["without_permission"] == 0
    withdrawn = sum(summary["withdrawn"] for summary in summaries[:-1])
    assert summaries[-1]["without_permission"] == withdrawn > 2


def test_the_next_day_goes_through_the_real_ingest(out: Path, warehouse: Warehouse) -> None:
    settings = load(
        {
            "RETENTION_HOME": str(out.parent / "home"),
            "RETENTION_CALENDAR__TIMEZONE": TIMEZONE,
        }
    )
    _live(out, 2)
    files = sorted(path for path in out.glob("*.csv") if not path.name.startswith("events_2024-0"))
    receipt = ingest(warehouse, settings=settings, source="simulated", files=files, history=True)
    assert receipt.quarantined == 0
    assert receipt.duplicates == 0
    granted = warehouse.read(
        "SELECT channel, count(*) AS n FROM curated.contact_permissions "
        "WHERE kind = 'granted' GROUP BY channel ORDER BY channel"
    ).to_pylist()
    assert [row["channel"] for row in granted] == ["email", "push"]
    assert granted[0]["n"] > 1_300
    newest = warehouse.read("SELECT max(event_at) AS at FROM curated.order_lines").to_pylist()
    assert newest[0]["at"].date() >= START + timedelta(days=1)


def test_a_push_is_withdrawn_from_as_a_push_and_the_mail_stays_permitted(out: Path) -> None:
    for number, action_id in enumerate(("reminder", "email", "reminder")):
        day = START + timedelta(days=number)
        summary = respond.respond(
            SIMULATION, FOUR_TYPES, out=out, day=day, contacts=_contacts(day, action_id, every=1),
            responses={"reminder": "email"}, channels={"reminder": "push"},
        )  # fmt: skip
        if number == 0:
            pushed = summary["withdrawn"]
        elif number == 1:
            assert summary["without_permission"] == 0
    assert summary["without_permission"] == pushed > 2
    statements = _rows(out, "contact_permissions").filter("kind <> 'granted'")
    kinds = statements.aggregate("happened_at::date AS day, channel, kind").fetchall()
    channels = {day: {channel for on, channel, _ in kinds if on == day} for day, *_ in kinds}
    assert list(dict(sorted(channels.items())).values()) == [{"push"}, {"email"}, {"push"}]
    devices = statements.filter("channel = 'push' AND address NOT LIKE 'device-%'")
    assert not devices.fetchall()


@pytest.mark.parametrize(
    ("changed", "day", "message"),
    [
        ({"seed": 6}, START, "simulated with other customers, days, seed or first day"),
        ({}, START + timedelta(days=1), "is not the shop's next day; expected 2024-04-30"),
        ({}, START - timedelta(days=1), "is not the shop's next day"),
    ],
)
def test_another_simulation_or_day_is_refused(
    out: Path, changed: dict[str, int], day: date, message: str
) -> None:
    values = {"customers": 1_500, "days": 120, "seed": 5} | changed
    other = Simulation(**values, first_day=FIRST, timezone=TIMEZONE)
    with pytest.raises(UsageError, match=message):
        respond.respond(other, FOUR_TYPES, out=out, day=day, contacts=[])
    assert not (out / "response").exists()


def test_other_contacts_are_refused_once_a_later_day_stands_on_them(out: Path) -> None:
    _live(out, 1)
    # The newest day may still get more: a late message.
    respond.respond(SIMULATION, FOUR_TYPES, out=out, day=START, contacts=_contacts(START, every=2))
    next_day = START + timedelta(days=1)
    respond.respond(SIMULATION, FOUR_TYPES, out=out, day=next_day, contacts=[])
    before = _digests(out)
    with pytest.raises(UsageError, match="was lived through with other contacts"):
        respond.respond(SIMULATION, FOUR_TYPES, out=out, day=START, contacts=[])
    with pytest.raises(UsageError, match="went on in the world four_types, not in no_effect"):
        respond.respond(SIMULATION, NO_EFFECT, out=out, day=next_day, contacts=[])
    assert _digests(out) == before


def test_an_action_without_an_answer_is_refused_and_one_with_is_not(out: Path) -> None:
    contacts = _contacts(START, "spring")
    with pytest.raises(UsageError, match="has no answer to spring; expected one of email, coupon"):
        respond.respond(SIMULATION, FOUR_TYPES, out=out, day=START, contacts=contacts)
    assert not contact_log.days_lived(out)
    respond.respond(
        SIMULATION,
        FOUR_TYPES,
        out=out,
        day=START,
        contacts=contacts,
        responses={"spring": "email"},
    )
    assert {each.response for each in contact_log.recorded(out, START)} == {"email"}
    names = _rows(out, "campaign_contacts").aggregate("campaign_id").fetchall()
    assert names == [(f"spring@{START}",)]


def test_contacts_are_read_from_the_files_of_the_channel(tmp_path: Path) -> None:
    path = tmp_path / "contacts_2024-04-30_0001.csv"
    path.write_text(
        "message_id,as_of,customer_id,action_id,address\n"
        "a,2024-04-30,C0000001,come_back,\nb,2024-04-30,C0000001,come_back,\n"
    )
    assert read_contacts([path]) == [Contact(date(2024, 4, 30), "C0000001", "come_back")]
    path.write_text("as_of,customer_id\n2024-04-30,C1\n")
    with pytest.raises(UsageError, match="has no column action_id"):
        read_contacts([path])
    path.write_text("as_of,customer_id,action_id\nyesterday,C1,x\n")
    with pytest.raises(UsageError, match="line 2: as_of is 'yesterday'; expected a day"):
        read_contacts([path])
    path.write_text("as_of,customer_id,action_id\n2024-04-30,C1\n")
    with pytest.raises(UsageError, match="line 2: there is no action_id; expected as_of"):
        read_contacts([path])
    path.write_text("as_of,customer_id,action_id\n2024-04-30\n")
    with pytest.raises(UsageError, match="line 2: there is no customer_id"):
        read_contacts([path])
    with pytest.raises(UsageError, match="cannot be read"):
        read_contacts([tmp_path / "missing.csv"])


def test_a_new_simulation_forgets_the_days_after_the_old_one(out: Path) -> None:
    _live(out, 1)
    simulate(customers=1_500, days=120, seed=5, out=out, first_day=FIRST, defect_share=0)
    assert not (out / "response").exists()
    assert not list(out.glob("*_????-??-??.csv"))
