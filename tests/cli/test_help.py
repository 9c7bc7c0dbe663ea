"""The help has headings and examples that can be run, and bad usage obeys `--json`."""

import json
import shlex
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from retention_ml.cli import EXAMPLES as BY_HEADING
from retention_ml.cli import app

EXAMPLES = {name: example for examples in BY_HEADING.values() for name, example in examples.items()}


def _names() -> set[str]:
    return set(get_command(app).commands)  # type: ignore[attr-defined]


def test_every_command_has_a_heading_and_an_example() -> None:
    assert len(_names()) > 20
    without = sorted(_names() - set(EXAMPLES))
    assert without == [], "add an example under a heading in retention_ml/cli/__init__.py"
    assert sorted(set(EXAMPLES) - _names()) == []


def test_headings_stand_in_the_order_of_the_work() -> None:
    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "100"}).stdout
    places = [text.index(f" {heading} ") for heading in BY_HEADING]
    assert places == sorted(places)
    assert text.index(" train ") > text.index(" ingest ")


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_is_in_the_help_of_its_command_and_can_be_read(name: str) -> None:
    words = shlex.split(EXAMPLES[name])
    assert words[0] == name
    done = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
    assert f"Example: retention {EXAMPLES[name]}" in " ".join(done.stdout.split())
    command = get_command(app)
    while (commands := getattr(command, "commands", None)) is not None:
        assert words[0] in commands, EXAMPLES[name]
        command = commands[words.pop(0)]
    if "--help" not in words:
        context = command.make_context(name, list(words))  # refuses what it cannot read
        assert context.params is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score", "--nope"], "No such option: --nope"),
        (["nope"], "No such command 'nope'."),
        (["score", "--as-of", "2026-03-01", "extra"], "Got unexpected extra argument"),
        (["promote", "3"], "Missing option '--reason'"),
        (["simulate", "--customers", "many"], "Invalid value for '--customers'"),
    ],
)
def test_words_that_cannot_be_read_are_one_json_document(
    arguments: list[str], message: str
) -> None:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 2
    document = json.loads(done.stdout)
    assert (document["error"], document["exit_code"]) == ("UsageError", 2)
    assert message in document["message"]


def test_without_json_a_person_gets_a_sentence_and_no_document() -> None:
    done = CliRunner().invoke(app, ["score", "--nope"])
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "No such option" in done.stderr


def test_json_does_not_change_what_a_good_command_does(tmp_path: Path) -> None:
    asked = ["sources", "list", "--json"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0
    assert isinstance(json.loads(done.stdout), list)
    assert CliRunner().invoke(app, ["score", "--help", "--json"]).exit_code == 0
