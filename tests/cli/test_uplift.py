"""The command `uplift evaluate`: the report, the decision, what it refuses."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from benchmarks.uplift_shops import World, decisions
from retention_ml.cli import app
from retention_ml.models.uplift.learners import LEARNERS

KEYS = {
    "qini_per_1000",
    "qini_lower",
    "qini_upper",
    "slope",
    "profit_per_1000",
    "contacted_share",
    "seconds",
}


def _file(folder: Path, world: World = "types", rows: int = 2_500) -> Path:
    sample = decisions(rows, 1, world, strength=3).sample
    columns = [*sample.values.T, sample.treated.astype(int), sample.outcome.astype(int)]
    path = folder / "shop.csv"
    np.savetxt(
        path,
        np.column_stack(columns),
        fmt="%.6g",
        delimiter=",",
        header=",".join([*sample.features, "mailed", "bought"]),
        comments="",
    )
    return path


def _evaluate(path: Path, *options: str, outcome: str = "bought") -> Result:
    columns = ("--treatment", "mailed", "--outcome", outcome)
    return CliRunner().invoke(app, ["uplift", "evaluate", str(path), *columns, *options])


def test_a_report_says_what_every_learner_is_worth_and_what_the_ladder_would_do(
    tmp_path: Path,
) -> None:
    report = tmp_path / "R.json"
    done = _evaluate(
        _file(tmp_path), "--value", "15", "--cost", "0.5", "--report", str(report), "--json"
    )
    assert done.exit_code == 0, done.output
    document = json.loads(report.read_text(encoding="utf-8"))
    assert set(document) == {"default", "learners", "decision", "reason"}
    assert set(document["learners"]) == set(LEARNERS)
    assert document["default"] in LEARNERS
    for figures in document["learners"].values():
        assert set(figures) == KEYS
        assert figures["qini_lower"] <= figures["qini_per_1000"] <= figures["qini_upper"]
        assert 0 <= figures["contacted_share"] <= 1
    assert document["decision"] == "uplift"
    assert "slope" in document["reason"]
    printed = json.loads(done.stdout)
    assert printed["learners"] == document["learners"]
    assert printed["details"]["rows"] == 2_500


def test_a_person_reads_a_table_and_a_sentence(tmp_path: Path) -> None:
    done = _evaluate(_file(tmp_path, rows=400), "--propensity", "0.5")
    assert done.exit_code == 0, done.output
    assert "mailed = 1 counts as treated" in done.stdout
    assert "QINI" in done.stdout
    table, decision = (done.stdout.index(each) for each in ("QINI", "experiment: There are 400"))
    assert table < decision
    assert done.stdout.rstrip().splitlines()[-1] == "What the columns mean: docs/uplift.md"
    assert "(0.50: drawn by lot)" in done.stdout


def test_observational_data_are_called_so_before_any_figure(tmp_path: Path) -> None:
    done = _evaluate(_file(tmp_path, rows=400), "--propensity", "0.2")
    assert done.exit_code == 0, done.output
    decision = done.stdout.index("rule: The data are observational")
    assert decision < done.stdout.index("QINI")
    assert done.stdout.count("rule: ") == 1


def test_without_a_propensity_the_share_observed_is_named(tmp_path: Path) -> None:
    remarks = json.loads(_evaluate(_file(tmp_path, rows=400), "--json").stdout)["remarks"]
    assert re.search(
        r"every customer is taken to have been contacted with probability 0\.\d\d, the share "
        r"observed\.",
        "".join(remarks),
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--value", "0"), "--value 0 makes no sense"),
        (("--value", "nan"), "--value nan makes no sense"),
        (("--cost", "-1"), "--cost -1 makes no sense"),
        (("--cost", "inf"), "--cost inf makes no sense"),
        (("--budget", "0"), "--budget 0 makes no sense"),
        (("--propensity", "1.5"), "not above 0 and below 1"),
        (("--treated", "2"), "no value of 'mailed'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_one_sentence(
    tmp_path: Path, options: tuple[str, ...], says: str
) -> None:
    report = tmp_path / "R.json"
    done = _evaluate(_file(tmp_path, rows=300), *options, "--report", str(report), "--json")
    assert done.exit_code == 2, done.output
    assert says in json.loads(done.stdout)["message"]
    assert not report.exists()


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = _evaluate(_file(tmp_path, rows=300), "--json", outcome="sold")
    assert done.exit_code == 2
    assert "has no column 'sold' (--outcome)" in json.loads(done.stdout)["message"]
