"""The experiment as people read of it: from real looks, planned, undecided, invalid."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from retention_ml.errors import UsageError
from retention_ml.experiments import ledger
from retention_ml.experiments.design import Design
from retention_ml.experiments.plan import plan
from retention_ml.experiments.power import Price
from retention_ml.outcomes.experiment import look as look_module
from retention_ml.outcomes.experiment import report_page
from retention_ml.outcomes.experiment.report import ExperimentReport, amount, load_report
from retention_ml.outcomes.experiment.report_figures import figures
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.outcomes.experiment.test_look import BEGAN, DAYS, MATURE, Decided
from tests.worlds.outcomes import FIRST, Shop

FIRST_LOOK = DAYS[0] + timedelta(days=29)


def _text(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def _planned(warehouse: Warehouse, settings: Settings, **changes: Any) -> ExperimentReport:
    """A plan on real scores that nobody has started."""
    shop = Shop(warehouse, settings, customers=200, days=130)
    day = FIRST + timedelta(days=100)
    shop.publish(day, shop.truth)
    with warehouse.transaction() as transaction:
        transaction.execute("UPDATE scores.customer_daily SET risk_tier = 'low'")
    design = {
        "experiment_id": "autumn",
        "arms": {"none": 0.4, "mail": 0.3, "coupon": 0.3},
        "tiers": ("low",),
        "metric": "retained",
    }
    plan(
        warehouse,
        settings=settings,
        as_of=day,
        design=Design(**{**design, **changes.pop("design", {})}),
        question=changes.pop("question", "Which one helps?"),
        prices=changes.pop("prices", {}),
        by="Kim",
    )
    return load_report(warehouse, settings=settings, experiment_id="autumn")


@pytest.fixture
def looked_at(warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Decided:
    """An experiment that helps a little, after three looks whose pages were not drawn."""
    decided = Decided(warehouse, settings)
    for day in DAYS:
        decided.answer(day, 0.1)
    with monkeypatch.context() as patch:
        patch.setattr(look_module, "_report", lambda *args: None)
        for as_of in (FIRST_LOOK, DAYS[3] + timedelta(days=29), MATURE):
            decided.look(as_of)
    return decided


@pytest.fixture
def report(looked_at: Decided) -> ExperimentReport:
    return load_report(
        looked_at.warehouse, settings=looked_at.settings, experiment_id="spring_mail"
    )


def test_the_page_shows_question_plan_lots_effects_guards_and_money(
    looked_at: Decided, report: ExperimentReport
) -> None:
    page = report_page.page(report)
    text = _text(page)
    [look] = looked_at.shop.rows(
        "SELECT * FROM experiments.looks WHERE metric = 'retained' AND segment = 'all' "
        f"AND as_of = '{MATURE}'"
    )
    drawn = looked_at.shop.rows(
        "SELECT action_id, count(*) AS n FROM actions.assignments GROUP BY 1 ORDER BY 1"
    )
    assert "Does a mail bring customers back?" in text
    assert f"Day {(MATURE - BEGAN).days} of at most 182" in text
    assert "350 of 2,000 decisions that are needed" in text
    for arm, row in zip(("mail", "none"), drawn, strict=True):
        assert re.search(rf"{arm} 50\.0 % {row['n']} 50\.0 % ", text)
    assert look["decisions_count"] == 350
    assert f"{amount('retained', look['effect'])} {amount('retained', look['lower'])} to" in text
    assert "Evidence: by lot." in text
    assert "observational" not in text
    assert "mail Customers who unsubscribed or complained +0.50 %" in text  # what is accepted
    assert text.count("holds") == 4  # two guards of all customers, retained for all and the tier
    assert "On 175 decisions mail changed the margin by about" in text
    assert report.headline in text
    # In this shop nobody pays, so that a tier's money has no spread to draw.
    assert set(figures(report)) == {
        "retained by look", "margin by look", "retained by tier", "sample ratio",
    }  # fmt: skip
    assert page.count("data:image/png;base64,") == 4


def test_the_page_asks_nothing_of_a_network(report: ExperimentReport) -> None:
    page = report_page.page(report)
    assert re.findall(r"<(?:script|link|iframe|object)\b", page) == []
    named = re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?([^\"')\s>]{1,30})", page)
    assert named
    assert [address for address in named if not address.startswith("data:image/png")] == []


def test_the_effect_is_drawn_at_every_look(report: ExperimentReport) -> None:
    path = report.path("mail", "retained")
    assert [row["decisions_count"] for row in path] == [50, 200, 350]
    [axes] = figures(report)["retained by look"].axes
    assert [len(line.get_xdata()) for line in axes.lines] == [2, 3]  # no effect, and the effects


def test_what_a_person_wrote_is_shown_as_text(warehouse: Warehouse, settings: Settings) -> None:
    evil = "<script>alert(1)</script> & $x$"
    report = _planned(warehouse, settings, question=evil)
    with warehouse.transaction() as transaction:
        ledger.move(
            transaction,
            "autumn",
            "stopped",
            since=MATURE,
            reason=f"No {evil}",
            by="<b>",
            run_id="r",
        )
    stopped = load_report(warehouse, settings=settings, experiment_id="autumn")
    for page in (report_page.page(report), report_page.page(stopped)):
        assert "&lt;script&gt;alert(1)" in page
        assert "<script" not in page
    assert "Stopped by a person, without a verdict" in report_page.page(stopped)


def test_an_experiment_without_looks_shows_its_plan(
    warehouse: Warehouse, settings: Settings
) -> None:
    report = _planned(warehouse, settings)
    text = _text(report_page.page(report))
    assert "Planned: no lot was drawn yet" in text
    assert f"{report.experiment.planned_count:,} decisions that are needed" in text
    assert "No lot was drawn on a day that was released." in text
    assert "No decision of both arms has a known outcome yet" in text
    assert "Nothing can be said about money yet." in text
    assert set(figures(report)) == {"power"}


def test_a_plan_that_can_never_show_a_gain_says_so(
    warehouse: Warehouse, settings: Settings
) -> None:
    report = _planned(
        warehouse,
        settings,
        design={"metric": "margin"},
        prices={arm: Price(cost=1_000.0) for arm in ("mail", "coupon")},
    )
    text = _text(report_page.page(report))
    assert "By the plan no number of customers can show a gain" in text
    assert figures(report) == {}


def test_power_reaches_what_was_asked_where_the_plan_says(
    warehouse: Warehouse, settings: Settings
) -> None:
    report = _planned(warehouse, settings)
    [axes] = figures(report)["power"].axes
    counts, chances = (axes.lines[0].get_xdata(), axes.lines[0].get_ydata())
    at_end = report.plan[0]["needed_at_end"]
    reached = next(count for count, chance in zip(counts, chances, strict=True) if chance >= 0.8)
    assert reached == pytest.approx(at_end, rel=0.05)


def test_figures_of_an_invalid_experiment_are_called_observational(
    report: ExperimentReport,
) -> None:
    looks = [{**row, "verdict": "invalid", "sample_ratio_e": 1e300} for row in report.looks]
    experiment = replace(report.experiment, state="invalid", reason="mail has too few.")
    invalid = replace(report, looks=looks, experiment=experiment)
    text = _text(report_page.page(invalid))
    assert "These figures are observational." in text
    assert "Evidence: by lot" not in text
    assert "What mail brought is not known." in text
    assert "changed the margin" not in text
    assert "over 10,000 evidence against fair arms" in text


def test_a_guard_that_is_broken_stands_out(report: ExperimentReport) -> None:
    looks = [{**row, "is_broken": row["metric"] == "unsubscribed"} for row in report.looks]
    broken = '<span class="worse">broken</span>'
    assert report_page.page(replace(report, looks=looks)).count(broken) == 1
    assert broken not in report_page.page(report)


@pytest.mark.parametrize("state", ["won", "lost", "undecided", "stopped"])
def test_every_end_has_words(report: ExperimentReport, state: str) -> None:
    winner = "mail" if state == "won" else None
    experiment = replace(report.experiment, state=state, reason="Because.", winner=winner)
    ended = replace(report, experiment=experiment)
    assert "{" not in ended.headline
    assert "None" not in ended.headline
    assert f"{ended.headline}. Because." in _text(report_page.page(ended)).replace(" .", ".")


def test_the_door_writes_the_page_and_an_old_look_leaves_it(
    looked_at: Decided, tmp_path: Path
) -> None:
    result = looked_at.look(MATURE)
    path = report_page.page_path(looked_at.settings.home, "spring_mail")
    assert result["report"] == str(path)
    before = path.read_text(encoding="utf-8")
    assert looked_at.look(FIRST_LOOK)["report"] is None
    assert path.read_text(encoding="utf-8") == before
    assert [each.name for each in path.parent.iterdir()] == ["spring_mail.html"]


def test_a_page_that_cannot_be_written_does_not_hold_up_the_door(
    looked_at: Decided, caplog: pytest.LogCaptureFixture
) -> None:
    folder = looked_at.settings.home / "reports"
    folder.mkdir(parents=True)
    (folder / "experiments").write_text("in the way")
    assert looked_at.look(MATURE)["report"] is None
    assert "The page of spring_mail was not written" in caplog.text


def test_an_earlier_day_knows_no_later_look(looked_at: Decided) -> None:
    early = load_report(
        looked_at.warehouse,
        settings=looked_at.settings,
        experiment_id="spring_mail",
        as_of=FIRST_LOOK,
    )
    assert {row["as_of"] for row in early.looks} == {FIRST_LOOK}


def test_an_unknown_experiment_is_a_usage_error(warehouse: Warehouse, settings: Settings) -> None:
    with pytest.raises(UsageError, match="There is no experiment 'x'"):
        load_report(warehouse, settings=settings, experiment_id="x")
