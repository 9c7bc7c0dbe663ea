"""One name for one thing: DAG file, package, schema, suites and tests are called the same."""

import ast
import json
import re
from dataclasses import dataclass

import pytest

from retention_ml import tables
from tests.house.repository import LIBRARY, ROOT, files, modules, name, reject, tree


@dataclass(frozen=True)
class Stage:
    """What belongs to one DAG."""

    packages: tuple[str, ...]
    doors: tuple[str, ...]


FLOW = {
    "05_watch_inbox": Stage((), ()),
    "10_ingest_deliveries": Stage(
        ("deliveries", "quality", "curated"),
        (
            "deliveries/land.py",
            "deliveries/stage.py",
            "quality/check.py",
            "curated/curate.py",
            "curated/hand_over.py",
        ),
    ),
    "20_build_features": Stage(
        ("feedback", "features", "abnormal"),
        (
            "feedback/fit_stars.py",
            "feedback/label.py",
            "features/build.py",
            "abnormal/detect.py",
        ),
    ),
    "30_train_models": Stage(
        ("labels", "models"),
        ("models/training/train.py", "actions/learning/train_uplift.py"),
    ),
    "35_follow_aliases": Stage(("models",), ("models/promotion/follow_aliases.py",)),
    "40_score_customers": Stage(("scores",), ("scores/score.py", "scores/publish.py")),
    "50_profile_customers": Stage(
        ("profiles",),
        (
            "profiles/value/fit_value.py",
            "profiles/profile.py",
            "profiles/publish_profiles.py",
        ),
    ),
    "60_recommend_products": Stage(
        ("recommendations",),
        (
            "recommendations/fitting/fit.py",
            "recommendations/recommend.py",
            "recommendations/publish_lists.py",
            "recommendations/pairs/pair_products.py",
        ),
    ),
    "70_assign_actions": Stage(
        ("actions",),
        (
            "actions/assignment/assign.py",
            "actions/release/approve.py",
            "actions/outbox/dispatch.py",
            "actions/deliver.py",
        ),
    ),
    "75_dispatch_messages": Stage(
        ("actions", "outcomes"),
        ("actions/deliver.py", "outcomes/monitoring/actions/watch_actions.py"),
    ),
    "77_tell_warnings": Stage(("live",), ("live/warnings/tell_warnings.py",)),
    "80_measure_outcomes": Stage(
        ("outcomes",),
        (
            "outcomes/measure.py",
            "outcomes/trial/decide.py",
            "outcomes/experiment/look.py",
            "outcomes/lists/measure_lists.py",
            "outcomes/lists/decide_ranker.py",
            "outcomes/monitoring/watch.py",
        ),
    ),
    "85_watch_scores": Stage(("outcomes",), ("outcomes/monitoring/watch.py",)),
    "90_maintain_warehouse": Stage(
        ("stack",),
        (
            "stack/backups/back_up.py",
            "stack/backups/verify.py",
            "stack/backups/prune.py",
        ),
    ),
    "95_keep_promises": Stage(
        ("maintenance", "audit", "aggregates"),
        (
            "maintenance/expire.py",
            "audit/verify_chain.py",
            "aggregates/publish_aggregates.py",
        ),
    ),
}
# Schemas are named after the package that writes them; these exceptions belong to a package.
SCHEMA_OF = {
    "raw": "deliveries",
    "staging": "deliveries",
    "quarantine": "curated",
    "privacy": "people",
    "ops": "warehouse",
}
SEVERITIES = {"critical", "warning", "info"}


def _sql() -> str:
    scripts = sorted((LIBRARY / "migrations").glob("*.sql"))
    assert len(scripts) >= 3
    return "\n".join(path.read_text(encoding="utf-8") for path in scripts)


def _tables() -> set[str]:
    tables = set(re.findall(r"CREATE (?:UNLOGGED )?TABLE (\w+\.\w+)", _sql()))
    assert "curated.orders" in tables
    return tables


def test_the_dags_are_those_of_the_flow() -> None:
    assert {path.stem for path in modules("dags")} == set(FLOW), (
        "A DAG file is number_verb_noun.py; name it in FLOW of this test with its packages."
    )


@pytest.mark.parametrize("stem", sorted(FLOW))
def test_a_dag_is_called_like_its_file_without_the_number(stem: str) -> None:
    number, _, rest = stem.partition("_")
    assert re.fullmatch(r"\d\d", number)
    made = [
        node.name
        for node in tree(ROOT / "dags" / f"{stem}.py").body
        if isinstance(node, ast.FunctionDef)
        and any("dag" in ast.unparse(each).split("(")[0] for each in node.decorator_list)
    ]
    assert made == [rest], f"dags/{stem}.py defines {made}; expected one DAG called {rest}."
    text = (ROOT / "dags" / f"{stem}.py").read_text(encoding="utf-8")
    shown = f'dag_display_name="{number} {rest.replace("_", " ")}"'
    assert shown in text, f"dags/{stem}.py lacks {shown}: Airflow lists DAGs by it."


@pytest.mark.parametrize("stem", sorted(FLOW))
def test_a_dag_calls_the_doors_of_its_packages(stem: str) -> None:
    text = (ROOT / "dags" / f"{stem}.py").read_text(encoding="utf-8")
    for door in FLOW[stem].doors:
        assert (LIBRARY / door).is_file(), f"retention_ml/{door} is missing; {stem} calls it."
        module = "retention_ml." + door.removesuffix(".py").replace("/", ".")
        parent, _, last = module.rpartition(".")
        assert module in text or re.search(
            rf"from {re.escape(parent)} import .*\b{last}\b", text
        ), f"dags/{stem}.py does not call {module}."


@pytest.mark.parametrize("package", sorted({p for stage in FLOW.values() for p in stage.packages}))
def test_every_package_of_the_flow_has_its_rooms(package: str) -> None:
    assert (LIBRARY / package / "__init__.py").is_file(), f"retention_ml/{package}/ is missing."
    test_files = [
        path
        for path in files()
        if path.match("test_*.py") and path.is_relative_to(ROOT / "tests" / package)
    ]
    assert test_files, f"tests/{package}/ holds no test; tests mirror the library."


def test_every_package_has_a_tests_folder() -> None:
    packages = {path.parent.name for path in LIBRARY.glob("*/__init__.py")}
    assert len(packages) >= 10
    reject(
        [
            f"  tests/{each}/"
            for each in sorted(packages)
            if not list((ROOT / "tests" / each).rglob("test_*.py"))
        ],
        "Tests mirror the library; these folders hold no test:",
    )


def test_every_schema_belongs_to_a_package() -> None:
    schemas = set(re.findall(r"CREATE SCHEMA (\w+)", _sql()))
    assert {"raw", "staging", "curated", "features", "scores"} <= schemas
    rooms = {path.parent.name for path in LIBRARY.glob("*/__init__.py")} | {"warehouse"}
    reject(
        [f"  {schema}" for schema in sorted(schemas) if SCHEMA_OF.get(schema, schema) not in rooms],
        "A schema is called like the package that writes it. Rename it, or name its package in SCHEMA_OF:",
    )


def test_every_table_says_its_grain() -> None:
    described = set(re.findall(r"COMMENT ON TABLE (\w+\.\w+)", _sql()))
    scratch = {table for table in _tables() if table.startswith("staging.")}
    reject(
        [f"  {table}" for table in sorted(_tables() - scratch - described)],
        "COMMENT ON TABLE says in a sentence what one row is. Missing for:",
    )


def test_suites_are_named_after_tables_that_exist() -> None:
    suites = sorted((ROOT / "expectations").glob("*.json"))
    names = {path.stem for path in suites}
    assert {f"staging.{table}" for table in tables.CANONICAL} <= names
    reject(
        [f"  expectations/{each}.json" for each in sorted(names - _tables())],
        "A suite is called schema.table after the table it judges; no such table:",
    )


def test_every_expectation_says_how_bad_and_why() -> None:
    findings, count = [], 0
    for path in sorted((ROOT / "expectations").glob("*.json")):
        suite = json.loads(path.read_text(encoding="utf-8"))
        if suite.get("name") != path.stem:
            findings.append(f"  {name(path)} calls itself {suite.get('name')!r}")
        if not suite["expectations"]:
            findings.append(f"  {name(path)} expects nothing")
        for number, entry in enumerate(suite["expectations"], 1):
            count += 1
            reason = entry.get("meta", {}).get("reason", "")
            if entry.get("severity") not in SEVERITIES:
                findings.append(f"  {name(path)} expectation {number} has no severity")
            if len(reason.split()) < 3:
                findings.append(f"  {name(path)} expectation {number} has no reason in words")
    assert count >= 20
    reject(findings, "Every expectation has a severity and, in meta.reason, a sentence:")


def test_names_without_meaning_are_not_used() -> None:
    empty = {"utils", "helpers", "common", "base", "manager", "processor", "misc"}
    reject(
        [
            f"  {name(path)}"
            for path in modules("retention_ml", "plugins", "dags", "tests")
            if empty & {path.stem, *(part.name for part in path.parents)} - {ROOT.name}
        ],
        "Call a module after what it holds:",
    )
