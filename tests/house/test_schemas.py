"""Which package may name which database schema in its SQL: data flows one way, as imports do."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.house.repository import LIBRARY, ROOT, modules, name, reject, tree

# Schemas in the order of the flow, with the package that owns each.
SCHEMAS = (
    "raw", "staging", "quarantine", "privacy", "curated", "feedback", "features", "abnormal", "models", "profiles",
    "recommendations", "scores", "live",
    "experiments",
    "actions", "outcomes", "reports", "ops", "audit",
)  # fmt: skip
MAY_NAME = {
    "warehouse": {"ops"},
    "audit": {"audit"},
    "schema": set(SCHEMAS),  # the matrix of rights names all, and queries nothing
    "tables": {"raw", "staging"},
    "deliveries": {"raw", "staging", "quarantine", "privacy", "curated", "ops"},
    "privacy": set(SCHEMAS),  # its register names where a person lies, and queries nothing
    "people": {"curated", "privacy", "reports"},
    "quality": {"raw", "staging", "quarantine", "features", "scores"},
    "curated": {"raw", "staging", "quarantine", "curated"},
    "feedback": {"raw", "curated", "feedback"},
    "features": {"raw", "curated", "feedback", "features"},
    "abnormal": {"features", "abnormal"},
    "labels": {"curated", "features", "models"},
    "models": {"curated", "features", "models"},
    "publication": {"ops"},
    "profiles": {"curated", "features", "profiles"},
    "recommendations": {"curated", "features", "recommendations", "ops"},
    "aggregates": {"privacy", "profiles", "scores"},
    "scores": {"features", "models", "scores", "reports", "ops"},
    "experiments": {"features", "scores", "experiments", "ops"},
    "actions": {"privacy", "curated", "features", "scores", "experiments", "actions", "ops"},
    "reports": {
        "raw",
        "quarantine",
        "features",
        "models",
        "scores",
        "live",
        "outcomes",
        "reports",
        "ops",
    },
    "outcomes": {
        "curated",
        "features",
        "abnormal",
        "models",
        "recommendations",
        "scores",
        "experiments",
        "actions",
        "outcomes",
        "reports",
        "ops",
    },
    "assistant": {"reports", "ops"},
    "live": {
        "raw",
        "curated",
        "features",
        "models",
        "profiles",
        "recommendations",
        "scores",
        "live",
        "reports",
    },
    "metrics": {"raw", "scores", "reports", "ops"},
    "maintenance": set(SCHEMAS),
    "stack": {
        "curated",
        "features",
        "scores",
        "actions",
        "reports",
        "ops",
    },  # demonstrations show all
    "cli": set(),
    "simulate": set(),
    "statistics": set(),
}
_TABLE = re.compile(
    rf"\b(?:FROM|JOIN|INTO|UPDATE|TABLE|ONLY|EXISTS|VIEW)\s+({'|'.join(SCHEMAS)})\.[a-z_{{]"
)
_WHOLE = re.compile(rf"({'|'.join(SCHEMAS)})\.[a-z_]+")


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """Strings of a module that are not docstrings, those of f-strings with `{}` for what is filled in."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    inside = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
            parts = [
                str(part.value) if isinstance(part, ast.Constant) else "{" for part in node.values
            ]
            yield node.lineno, "".join(parts)
    for node in ast.walk(tree(path)):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings | inside
        ):
            yield node.lineno, node.value


def _named(path: Path) -> Iterator[tuple[int, str]]:
    """Line and schema wherever a module names a table in SQL, or a schema in Ibis."""
    for line, text in _texts(path):
        yield from ((line, schema) for schema in _TABLE.findall(text))
        if whole := _WHOLE.fullmatch(text):
            yield line, whole[1]
    for node in ast.walk(tree(path)):
        if (
            isinstance(node, ast.keyword)
            and node.arg == "database"
            and isinstance(node.value, ast.Constant)
            and node.value.value in SCHEMAS
        ):
            yield node.value.lineno, str(node.value.value)


def _package(path: Path) -> str:
    return path.relative_to(LIBRARY).parts[0].removesuffix(".py")


def test_a_package_names_only_schemas_of_its_floor_and_below() -> None:
    named = [
        (path, line, schema) for path in modules("retention_ml") for line, schema in _named(path)
    ]
    assert {"raw", "curated", "features", "models", "scores", "outcomes"} <= {s for *_, s in named}
    reject(
        [
            f"  {name(path)}:{line} names {schema}"
            for path, line, schema in named
            if schema not in MAY_NAME.get(_package(path), set())
        ],
        "SQL has arrows too. Take the value as an argument from whoever may read that schema "
        "(MAY_NAME in this test):",
    )


def test_the_detector_finds_what_it_looks_for(tmp_path: Path) -> None:
    naive = tmp_path / "naive.py"
    naive.write_text(
        '"""FROM raw.a is prose here."""\n'
        'A = "SELECT 1 FROM outcomes.trials"\nB = f"INSERT INTO ops.{A}"\nC = "scores.snapshots"\n'
        'D = ibis.table({}, name="x", database="models")\nE = "no outcomes. Or so"\n'
    )
    assert sorted(schema for _, schema in _named(naive)) == ["models", "ops", "outcomes", "scores"]
    assert (ROOT / "retention_ml" / "migrations").is_dir()
