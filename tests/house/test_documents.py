"""What the documents say about settings, errors and sources is what the code does."""

import json
import re
import tomllib
from enum import Enum
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic.fields import FieldInfo

from retention_ml import errors
from retention_ml.settings import SECTIONS, Settings, loading, sections
from tests.house.repository import ROOT, files, name, reject


def _sections() -> list[str]:
    """The names of all sections; of one made of sections, theirs: `channels.email`."""
    return [
        name
        for section in SECTIONS
        for name in (
            [f"{section}.{key}" for key, field in _fields(section).items() if _is_section(field)]
            or [section]
        )
    ]


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.default, sections.Section)


def _fields(section: str) -> dict[str, FieldInfo]:
    fields = dict(Settings.model_fields)
    for part in section.split("."):
        model = fields[part].annotation
        assert isinstance(model, type)
        assert issubclass(model, sections.Section)
        fields = dict(model.model_fields)
    return fields


def _allowed(field: FieldInfo) -> str | None:
    """The range of a setting in words; None where the code states none."""
    if get_origin(field.annotation) is Literal:
        return ", ".join(f'`"{value}"`' for value in get_args(field.annotation))
    bounds: dict[str, Any] = {}
    for rule in field.metadata:
        bounds |= {
            key: getattr(rule, key) for key in ("ge", "gt", "le", "lt") if hasattr(rule, key)
        }
    if {"ge", "le"} <= set(bounds):
        return f"{bounds['ge']} to {bounds['le']}"
    if {"gt", "le"} <= set(bounds):
        return f"above {bounds['gt']}, at most {bounds['le']}"
    if {"ge", "lt"} <= set(bounds):
        return f"{bounds['ge']} or more, below {bounds['lt']}"
    return f"{bounds['ge']} or more" if "ge" in bounds else None


def _rows(section: str) -> dict[str, list[str]]:
    """The rows of one section of docs/settings.md by key."""
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    _, _, rest = text.partition(f"\n## [{section}]\n")
    rows = {}
    for line in rest.partition("\n## ")[0].splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            rows[cells[0].strip("`| ")] = cells
    return rows


def _value(text: str) -> Any:
    return tomllib.loads(f"value = {text}")["value"]


def test_there_are_settings() -> None:
    assert len(SECTIONS) >= 8
    assert sum(len(_fields(section)) for section in _sections()) >= 30


@pytest.mark.parametrize("section", _sections())
def test_every_setting_is_documented_with_its_default_and_range(section: str) -> None:
    rows = _rows(section)
    findings = []
    for key, field in _fields(section).items():
        default = field.default.value if isinstance(field.default, Enum) else field.default
        default = list(default) if isinstance(default, tuple) else default
        if key not in rows:
            findings.append(
                f"  add: | `{key}` | `{json.dumps(default)}` | {_allowed(field) or '…'} | … |"
            )
            continue
        if _value(rows[key][1].strip("`")) != default:
            findings.append(
                f"  {key}: the default is {default!r}, the document says {rows[key][1]}"
            )
        if _allowed(field) and rows[key][2] != _allowed(field):
            findings.append(
                f"  {key}: allowed is {_allowed(field)}, the document says {rows[key][2]}"
            )
    findings += [f"  remove {key}: no such setting" for key in rows if key not in _fields(section)]
    reject(findings, f"docs/settings.md, [{section}], and retention_ml/settings differ:")


@pytest.mark.parametrize("section", _sections())
def test_every_setting_stands_in_the_shipped_file(section: str) -> None:
    shipped = tomllib.loads((ROOT / "retention.toml").read_text(encoding="utf-8"))
    table = shipped
    for part in section.split("."):
        table = table.get(part, {})
    reject(
        [f"  {key}" for key in _fields(section) if key not in table],
        f"retention.toml, [{section}], lacks (write each with its unit and reason):",
    )


def test_every_variable_is_documented() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| ((?:`[A-Z_]+`(?:, )?)+) \|", text, re.MULTILINE)
    documented = {variable for cell in cells for variable in re.findall(r"[A-Z_]+", cell)}
    readable = set(loading.ADDRESSES) | loading.OTHER_VARIABLES
    assert len(readable) >= 8
    assert documented == readable, "docs/settings.md, Environment, and settings/loading.py differ."


def test_every_variable_that_is_read_is_known() -> None:
    readable = set(loading.ADDRESSES) | loading.OTHER_VARIABLES | loading.SECRET_FILES
    sections = tuple(f"RETENTION_{section.upper()}__" for section in SECTIONS)
    wrong_on_purpose = ROOT / "tests" / "settings" / "test_loading.py"
    texts = {
        path: path.read_text(encoding="utf-8")
        for path in files()
        if path.suffix in (".py", ".yaml", ".sh", ".sql", ".example")
        or path.name in ("Makefile", "Dockerfile", "run")
        if path != wrong_on_purpose
    }
    variables = {
        (name(path), variable)
        for path, text in texts.items()
        for variable in re.findall(r"\bRETENTION_[A-Z0-9_]*[A-Z0-9]\b", text)
    }
    assert len(variables) > 30
    reject(
        sorted(
            f"  {path}: {variable}"
            for path, variable in variables
            if variable not in readable and not variable.startswith(sections)
        ),
        "Settings are refused where the environment has an unknown RETENTION_ variable; add it:",
    )


def test_the_tree_of_errors_is_the_one_drawn() -> None:
    classes = {
        each.__name__: each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.RetentionError)
    }
    assert len(classes) >= 12
    drawn: dict[str, str] = {}
    stack: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^([ │├└─]*)([A-Z]\w+)(.*)$", line)
        if not match or match[2] not in classes:
            continue
        depth = len(match[1])
        while stack and stack[-1][0] >= depth:
            stack.pop()
        drawn[match[2]] = stack[-1][1] if stack else "Exception"
        stack.append((depth, match[2]))
        if match[2] != "RetentionError":
            assert len(match[3].split("(exit")[0].split()) >= 4, f"{match[2]} has no explanation"
        if "(exit" in match[3]:
            assert f"(exit {classes[match[2]].exit_code})" in match[3], match[2]
    assert drawn == {each: cls.__bases__[0].__name__ for each, cls in classes.items()}, (
        "The tree in the docstring of errors.py and the classes differ; draw what is."
    )


def test_every_error_says_what_it_is() -> None:
    for each in vars(errors).values():
        if isinstance(each, type) and issubclass(each, errors.RetentionError):
            assert each.__doc__, each.__name__
