"""The pages from the database: what is asked, what is answered."""

import csv
import html
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy.exc import DBAPIError

from retention_ml import clock
from retention_ml.errors import WarehouseError
from retention_ml.labels.definition import churn_definition
from retention_ml.outcomes.distributions import distributions, write_distributions
from retention_ml.outcomes.measure import measure
from retention_ml.pages.links import PAGES
from retention_ml.reports.site.answer import MAKERS, Answer, answer
from retention_ml.reports.site.days import NotThere, published_days
from retention_ml.reports.site.figures.leading import leading_ids
from retention_ml.reports.site.figures.matured import (
    by_tier,
    matured_day,
    matured_outcomes,
    reliability,
)
from retention_ml.reports.site.reading import reading
from retention_ml.reports.site.write_pages import write_pages
from retention_ml.scores.summaries.leading import leading_customers
from retention_ml.settings import Settings, load
from retention_ml.warehouse import Warehouse
from tests.worlds.databases import NewWarehouse
from tests.worlds.published_shop import EVIL, published_shop
from tests.worlds.shops import delivery
from tests.worlds.totals import total_again

Ask = Callable[..., Answer]
Shop = tuple[Warehouse, Settings, list[date]]
ESCAPED = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"


@pytest.fixture(scope="module")
def shop(new_warehouse: NewWarehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop that is only read: its warehouse, settings and days."""
    settings = load({"RETENTION_HOME": str(tmp_path_factory.mktemp("home"))})
    with new_warehouse() as warehouse:
        yield warehouse, settings, published_shop(warehouse, settings)


@pytest.fixture
def ask(shop: Shop) -> Ask:
    warehouse, settings, _ = shop

    return lambda name, **asked: answer(lambda: warehouse, settings, name, asked)


@pytest.mark.parametrize("name", [*PAGES, "customer", "run"])
def test_every_page_answers_and_escapes_what_comes_from_data(ask: Ask, name: str) -> None:
    asked = {"customer": {"id": EVIL}, "run": {"dag_id": EVIL, "run_id": EVIL}}.get(name, {})
    result = ask(name, **asked)
    assert result.status == 200
    assert EVIL not in result.body
    if name in ("today", "customers", "customer", "run"):
        assert ESCAPED in result.body


@pytest.mark.parametrize("name", [name for name in MAKERS if "." not in name])
def test_a_page_asks_nothing_of_another_host(ask: Ask, name: str) -> None:
    addresses = re.findall(r'(?:src|href|action)="([^"]*)"', ask(name).body)
    assert len(addresses) >= 7
    assert [address for address in addresses if re.match(r"[a-z]+:|//", address)] == []


@pytest.mark.parametrize("name", [name for name in MAKERS if "." not in name])
def test_an_empty_warehouse_says_what_fills_each_page(
    warehouse: Warehouse, settings: Settings, name: str
) -> None:
    asked = {"customer": {"id": "1"}, "run": {"dag_id": "a", "run_id": "b"}}.get(name, {})
    result = answer(lambda: warehouse, settings, name, asked)
    if name == "customer":
        assert result.status == 404
        assert "There is no customer of that number" in result.body
    else:
        assert result.status == 200
        assert re.search(r"[Ff]ills|Nothing was", result.body)


@pytest.mark.parametrize(
    ("name", "asked", "status", "words"),
    [
        ("today", {"as_of": "1999-01-01"}, 404, "There are no scores of 1999-01-01"),
        ("today", {"as_of": "soon"}, 400, "expected YYYY-MM-DD"),
        ("customer", {"id": "nobody"}, 404, "There is no customer of that number"),
        ("customer", {}, 400, "No customer number was given"),
        ("customers", {"tier": "awful"}, 400, "There is no such tier"),
        ("customers", {"order": "1; DROP TABLE x"}, 400, "That is no order"),
        ("customers", {"number": "-1"}, 400, "The page of the list"),
        ("customers", {"text": "' OR 1=1 --"}, 200, "Nobody"),
        ("customers", {"text": "%"}, 200, "Nobody"),
        ("run", {"dag_id": "a"}, 400, "No run was given"),
        ("secrets", {}, 404, "There is no such page"),
    ],
)
def test_what_cannot_be_answered_is_a_sentence(
    ask: Ask, name: str, asked: Mapping[str, str], status: int, words: str
) -> None:
    result = ask(name, **asked)
    assert result.status == status
    assert words in result.body


def test_a_customer_that_does_not_exist_is_not_repeated(ask: Ask) -> None:
    assert "nobody-4711" not in ask("customer", id="nobody-4711").body


def test_a_defect_says_no_more_than_its_name(
    ask,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_: object) -> str:
        raise ValueError("customer 4711")

    monkeypatch.setattr("retention_ml.reports.site.answer.MAKERS", {"today": broken})
    result = ask("today")
    assert result.status == 500
    assert "ValueError" in result.body
    assert "4711" not in result.body


def test_the_export_holds_all_customers_and_no_formula(ask: Ask) -> None:
    body = _whole(ask("customers.csv"))
    rows = list(csv.DictReader(io.StringIO(body.removeprefix("\ufeff"))))
    assert len(rows) == 300
    assert rows[0]["customer_id"] == EVIL
    assert rows[0]["reason_1"] == f"'=1+1 {EVIL}"
    assert len(_whole(ask("customers.csv", tier="critical")).splitlines()) < 300


def _whole(result: Answer) -> str:
    assert result.status == 200
    assert result.parts is not None
    return "".join(result.parts)


def test_the_export_is_read_as_it_is_sent(
    ask: Ask, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retention_ml.reports.site.answer._LINES_EACH", 50)
    monkeypatch.setattr("retention_ml.warehouse.STREAMED_ROWS", 50)
    warehouse, _, _ = shop
    parts = ask("customers.csv").parts
    assert parts is not None
    assert len(next(parts).splitlines()) == 50
    assert warehouse.engine.pool.checkedout() == 1  # the cursor is open
    assert len(list(parts)) == 6
    assert warehouse.engine.pool.checkedout() == 0
    dropped = ask("customers.csv").parts
    del dropped  # a browser that went away
    assert warehouse.engine.pool.checkedout() == 0


@pytest.mark.parametrize(
    ("asked", "status"), [({"as_of": "1999-01-01"}, 404), ({"tier": "awful"}, 400)]
)
def test_an_export_that_cannot_be_made_is_a_sentence_before_it_begins(
    ask: Ask, asked: Mapping[str, str], status: int
) -> None:
    result = ask("customers.csv", **asked)
    assert (result.status, result.parts) == (status, None)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("customer", {"id": EVIL}),
        ("customers", {"tier": "critical", "text": "order", "order": "probability"}),
        ("run", {"dag_id": "a", "run_id": "b"}),
    ],
)
def test_another_day_keeps_what_was_asked(ask: Ask, name: str, asked: Mapping[str, str]) -> None:
    form = ask(name, **asked).body.partition("<form")[2].partition("</form>")[0]
    assert "action" not in form.partition(">")[0]  # to the page itself
    hidden = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)
    assert {field: html.unescape(value) for field, value in hidden} == asked
    assert '<select name="as_of">' in form


def test_data_shows_where_a_quarantined_row_is_and_nothing_that_it_says(
    warehouse: Warehouse, settings: Settings
) -> None:
    number = delivery(warehouse)
    details = (
        "mail: 'vera@example.org', expected an identifier",
        "name: 'O'Hara', 'Vera', expected text",
        "a line of items: \"Vera's 'secret\", expected [0-9]+",
        "note: 'Vera\nsecret'",
    )
    with warehouse.transaction() as transaction:
        for line, detail in enumerate(details, 2):
            transaction.execute(
                "INSERT INTO quarantine.rows (delivery_id, line_number, source, feed, file_sha256, "
                "raw_text, reason_code, detail, quarantined_at) VALUES (:id, :line, 'test', 'test', "
                "'f', 'Vera;secret;vera@example.org', :reason, :detail, now())",
                id=number,
                line=line,
                reason=f"bad_{line}",
                detail=detail,
            )
    body = answer(lambda: warehouse, settings, "data", {}).body
    for words in ("mail: …, expected an identifier", "name: …, expected text", "note: …", "line 5"):
        assert words in body
    for text in ("Vera", "vera@", "secret", "Hara"):
        assert text not in body


def test_a_column_that_was_empty_for_everybody_is_left_out(
    warehouse: Warehouse, settings: Settings
) -> None:
    days = published_shop(warehouse, settings, count=5)
    assert (days[-1] - days[0]).days >= 28
    with warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE features.customer_daily SET recency_days = NULL WHERE as_of = :day", day=days[0]
        )
        names = ("recency_days", "tenure_days")
        stored = distributions(transaction, names, as_of=days[-1], reference=days[0])
        [(newest,)] = transaction.execute("SELECT max(snapshot_id) FROM scores.published")
        write_distributions(transaction, newest, days[0], stored)
    delivery(warehouse)
    result = answer(lambda: warehouse, settings, "data", {})
    assert result.status == 200
    assert "<h3>tenure_days</h3>" in result.body
    assert "<h3>recency_days</h3>" not in result.body


def test_scores_that_are_late_need_a_person(shop: Shop, ask: Ask) -> None:
    """At whatever hour: before the scores of today are due the sentence is another than after."""
    page = ask("today").body
    newest = shop[2][-1]
    assert re.search(rf"Scores of today: .* The newest are (late: )?of {newest}", page)
    assert "The scores of today are late." in page
    assert "nothing late" not in page


def test_the_days_of_the_outcome_and_when_it_is_known_are_told(shop: Shop, ask: Ask) -> None:
    _, settings, days = shop
    definition = churn_definition(settings)
    opens, closes = definition.window(days[-1])
    page = ask("today").body
    assert f"Churn: no order from {opens} to {closes - timedelta(days=1)}." in page
    known_on = definition.window(days[0])[1] + timedelta(days=settings.churn.settle_days)
    assert f"That of {days[0]} is on {known_on}," in ask("model").body


def test_the_tile_says_whether_scores_are_in_time(ask: Ask) -> None:
    result = ask("headline.json")
    assert result.media_type == "application/json"
    document = json.loads(result.body)
    assert document["verdict"] == "late"
    assert "customers at risk" in document["figures"]


def test_once_outcomes_are_known_the_pages_say_whether_warnings_were_right(
    warehouse: Warehouse, settings: Settings
) -> None:
    days = published_shop(warehouse, settings, count=8)
    measure(warehouse, settings=settings, as_of=days[-1])
    for name in ("today", "model"):
        body = answer(lambda: warehouse, settings, name, {}).body
        assert re.search(r"Of \d+ customers warned of \(critical or high\) on 2025-", body)
    assert "Calibration" in answer(lambda: warehouse, settings, "model", {}).body


def test_outcomes_of_a_matured_day_leave_abnormal_customers_out(
    warehouse: Warehouse, settings: Settings
) -> None:
    days = published_shop(warehouse, settings, count=8)
    measure(warehouse, settings=settings, as_of=days[-1])

    def counts() -> tuple[int, int]:
        with reading(warehouse) as select:
            published = published_days(select)
            outcomes = matured_outcomes(select, matured_day(select, published, published[0]))
            return tuple(  # type: ignore[return-value]
                sum(row["customers_count"] for row in rows)
                for rows in (by_tier(outcomes), reliability(outcomes))
            )

    before = counts()
    with warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE models.labels SET is_abnormal = true WHERE customer_id = (SELECT min(customer_id) "
            "FROM models.labels JOIN scores.customer_daily USING (as_of, customer_id) "
            "JOIN models.label_windows USING (as_of))"
        )
        total_again(transaction)
    assert before[0] == before[1] > 20
    assert counts() == (before[0] - 1, before[1] - 1)


@pytest.mark.parametrize(
    ("change", "is_forecast"),
    [
        ("model_as_of = as_of", True),
        ("model_as_of = as_of + 1", False),
        ("model_as_of = NULL", False),
        ("model_as_of = as_of, challenger_as_of = as_of + 1", False),
    ],
)
def test_a_matured_day_is_a_forecast_by_the_rule_of_the_views(
    warehouse: Warehouse, settings: Settings, change: str, is_forecast: bool
) -> None:
    days = published_shop(warehouse, settings, count=8)
    measure(warehouse, settings=settings, as_of=days[-1])
    with warehouse.transaction() as transaction:
        transaction.execute(f"UPDATE scores.snapshots SET {change}")
        transaction.execute(
            "UPDATE scores.customer_daily SET arm = CASE WHEN churn_probability > 0.5 AND :both "
            "THEN 'challenger' ELSE 'champion' END",
            both="challenger" in change,
        )
        total_again(transaction)
    with reading(warehouse) as select:
        published = published_days(select)
        matured = matured_day(select, published, published[0])
        assert matured is not None
        [row] = select(
            "SELECT bool_and(is_forecast) AS is_forecast FROM reports.customer_risk_history "
            "WHERE snapshot_id = :id",
            id=matured["snapshot_id"],
        )
    assert matured["is_forecast"] is row["is_forecast"] is is_forecast


def test_a_page_may_not_write(warehouse: Warehouse) -> None:
    with (
        pytest.raises((WarehouseError, DBAPIError), match="read-only"),
        reading(warehouse) as select,
    ):
        select("DELETE FROM scores.published")


def test_pages_as_files_link_to_each_other_and_to_customers(shop: Shop, tmp_path: Path) -> None:
    warehouse, settings, days = shop
    first = write_pages(warehouse, settings=settings, folder=tmp_path)
    assert first == tmp_path / "today.html"
    (tmp_path / "customer_999.html").touch()
    write_pages(warehouse, settings=settings, folder=tmp_path)
    assert not (tmp_path / "customer_999.html").exists()
    names = {
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()
    }
    with (tmp_path / "customers.csv").open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == 300
    for name in PAGES:
        body = (tmp_path / f"{name}.html").read_text("utf-8")
        assert f"Scores of {days[-1]}" in body
        assert EVIL not in body
        for address in re.findall(r'(?:src|href)="([^"#]+)"', body):
            assert address in names, f"{name}.html names {address}"


def test_the_list_of_a_file_has_everybody_at_risk_before_others(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse, settings, days = shop
    with reading(warehouse) as select:
        [row] = select(
            "SELECT count(*) AS count FROM reports.customer_risk_history "
            "WHERE as_of = :as_of AND risk_tier IN ('critical', 'high')",
            as_of=days[-1],
        )
    assert 0 < row["count"] < 300
    monkeypatch.setattr("retention_ml.reports.site.customers.FILE_ROWS", row["count"])
    write_pages(warehouse, settings=settings, folder=tmp_path)
    body = (tmp_path / "customers.html").read_text("utf-8")
    assert set(re.findall(r'<tr data-tier="(\w+)"', body)) <= {"critical", "high"}
    assert "critical and high first, then most value at risk" in body


def test_files_of_a_day_without_scores_are_not_written(shop: Shop, tmp_path: Path) -> None:
    warehouse, settings, _ = shop
    with pytest.raises(NotThere, match="There are no scores of 1999-01-01"):
        write_pages(warehouse, settings=settings, as_of=date(1999, 1, 1), folder=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("customers", {}),
        ("customers", {"number": "3"}),
        ("customers", {"tier": "high"}),
        ("customers", {"order": "probability", "number": "2"}),
        ("customers", {"order": "tier"}),
        ("today", {}),
    ],
)
def test_a_page_is_the_same_whether_it_is_stored_who_stands_first(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, name: str, asked: dict[str, str]
) -> None:
    warehouse, settings, days = shop
    monkeypatch.setattr("retention_ml.reports.site.customers.PER_PAGE", 20)
    # A page says in which minute it was written; both are to be of the same one.
    written_at = clock.now()
    monkeypatch.setattr(clock, "now", lambda: written_at)
    sorted_whole = answer(lambda: warehouse, settings, name, asked).body
    _store_leading(warehouse)
    try:
        with reading(warehouse) as select:
            [day, *_] = published_days(select)
            assert len(leading_ids(select, day, tiers=["high"], ordered_by="value", last=3)) == 3
        assert answer(lambda: warehouse, settings, name, asked).body == sorted_whole
    finally:
        with warehouse.transaction() as transaction:
            transaction.execute("DELETE FROM scores.leading_customers")
    assert str(days[-1]) in sorted_whole


def _store_leading(warehouse: Warehouse) -> None:
    """What `score` stores of each day; the shop's scores were written without it."""
    for snapshot_id in warehouse.read("SELECT snapshot_id FROM scores.published")[0].to_pylist():
        rows = warehouse.read(
            f"SELECT * FROM scores.customer_daily WHERE snapshot_id = {snapshot_id}"
        )
        leading = leading_customers(rows)
        number = pa.repeat(pa.scalar(snapshot_id), leading.num_rows)
        with warehouse.transaction() as transaction:
            transaction.copy(
                "scores.leading_customers", leading.append_column("snapshot_id", number)
            )
