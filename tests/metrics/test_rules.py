"""The rules: each leads to a section of the runbook, and each threshold is held by a test."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from retention_ml.metrics.catalogue import CATALOGUE
from retention_ml.settings import PROJECT, Settings
from tests.house.test_site import _anchors
from tests.metrics.airflow_series import AIRFLOW_SERIES

FOLDER = PROJECT / "docker" / "prometheus"
ALERTS = {
    "RetentionMetricsDown", "RetentionWarehouseDown", "RetentionComponentDown",
    "RetentionScoresLate", "RetentionScoresOld", "RetentionNothingPublished",
    "RetentionQuarantineShare", "RetentionFilesRefused", "RetentionRunsFailed",
    "RetentionModelGradeC", "RetentionAlertsOpen", "RetentionAirflowSilent",
    "RetentionPushesRefused", "RetentionBackupOld",
}  # fmt: skip
# What a change of a rule may be: another number, another time, another direction.
_NUMBER = re.compile(r"(?<=[<>=] )\d+(?:\.\d+)?(?: \* \d+)?")
_TIME = re.compile(r"(?<=\[)\d+m(?=\])|(?<=offset )\d+m")
_WAIT = re.compile(r"\d+[mh]")


def _read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def _rules() -> list[dict[str, Any]]:
    groups = _read("rules.yaml")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_the_rules_are_those_of_the_page() -> None:
    assert {rule["alert"] for rule in _rules()} == ALERTS
    page = (PROJECT / "docs" / "metrics.md").read_text(encoding="utf-8")
    severities = dict(re.findall(r"^\| `(Retention\w+)` \| .* \| (\w+) \|$", page, re.M))
    assert severities == {rule["alert"]: rule["labels"]["severity"] for rule in _rules()}


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_a_rule_leads_to_a_section_of_the_runbook(alert: str) -> None:
    [rule] = [each for each in _rules() if each["alert"] == alert]
    page, _, section = rule["annotations"]["runbook"].partition("#")
    assert page == "docs/runbook.md"
    assert section in _anchors(PROJECT / page), f"docs/runbook.md has no section #{section}"
    assert rule["annotations"]["summary"].endswith(".")


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_a_rule_asks_only_for_series_that_are_offered(alert: str) -> None:
    [rule] = [each for each in _rules() if each["alert"] == alert]
    named = set(re.findall(r"\b(?:retention|airflow)_\w+", rule["expr"]))
    assert named <= set(CATALOGUE) | AIRFLOW_SERIES
    assert named or alert == "RetentionMetricsDown"


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_a_rule_is_shown_firing_and_silent(alert: str) -> None:
    cases = [
        case
        for test in _read("rules_test.yaml")["tests"]
        for case in test["alert_rule_test"]
        if case["alertname"] == alert
    ]
    assert {bool(case["exp_alerts"]) for case in cases} == {True, False}


def test_prometheus_asks_the_address_of_the_settings(settings: Settings) -> None:
    [job] = _read("prometheus.yaml")["scrape_configs"]
    address = f"{settings.metrics.host}:{settings.metrics.port}"
    assert (job["job_name"], job["static_configs"]) == ("retention", [{"targets": [address]}])
    assert _read("prometheus.yaml")["rule_files"] == ["rules.yaml"]


def _run(promtool: Path, *arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [promtool, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_promtool_accepts_configuration_and_rules(promtool: Path) -> None:
    for what, name in (("config", "prometheus.yaml"), ("rules", "rules.yaml")):
        done = _run(promtool, "check", what, name, folder=FOLDER)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_fires_when_it_should_and_not_before(promtool: Path) -> None:
    done = _run(promtool, "test", "rules", "rules_test.yaml", folder=FOLDER)
    assert done.returncode == 0, done.stdout + done.stderr


def _mutants(rule: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A name and the rule with one threshold changed, for each threshold, up and down."""
    for key, thresholds in (("expr", (_NUMBER, _TIME)), ("for", (_WAIT,))):
        text = str(rule.get(key, ""))
        for match in (each for pattern in thresholds for each in pattern.finditer(text)):
            for changed in _changed(match[0]):
                mutant = f"{text[: match.start()]}{changed}{text[match.end() :]}"
                yield f"{rule['alert']}, {key}: {match[0]} -> {changed}", {**rule, key: mutant}


def _changed(threshold: str) -> list[str]:
    if threshold[-1] in "mh":
        number, unit = int(threshold[:-1]), threshold[-1]
        return [f"{number + (number + 1) // 2}{unit}", f"{number // 2}{unit}"]
    if threshold == "0":
        return ["1"]
    if threshold == "1":
        return ["0"]
    return [f"1.1 * {threshold}", f"0.9 * {threshold}"]


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_a_changed_threshold_fails_the_tests_of_its_rule(
    alert: str, promtool: Path, tmp_path: Path
) -> None:
    [rule] = [each for each in _rules() if each["alert"] == alert]
    whole = _read("rules_test.yaml")
    cases = [
        {**test, "alert_rule_test": chosen}
        for test in whole["tests"]
        if (chosen := [each for each in test["alert_rule_test"] if each["alertname"] == alert])
    ]

    def run(number: int, mutant: dict[str, Any]) -> bool:
        folder = tmp_path / str(number)
        folder.mkdir()
        groups = {"groups": [{"name": "retention", "rules": [mutant]}]}
        (folder / "rules.yaml").write_text(yaml.safe_dump(groups), encoding="utf-8")
        tests = yaml.safe_dump({**whole, "tests": cases})
        (folder / "rules_test.yaml").write_text(tests, encoding="utf-8")
        done = _run(promtool, "test", "rules", "rules_test.yaml", folder=folder)
        assert "FAILED" in done.stderr or done.returncode == 0, done.stderr
        return done.returncode == 0

    mutants = list(_mutants(rule))
    assert mutants, f"{alert} has no threshold; this test would find nothing."
    assert run(0, rule)
    survivors = [name for number, (name, mutant) in enumerate(mutants, 1) if run(number, mutant)]
    assert not survivors, survivors
