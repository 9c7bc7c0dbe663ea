"""A shop's data engineer and a new export: guess, check, a ready description."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from retention_ml.cli import app
from retention_ml.cli.frame import print_table
from tests.deliveries.guess.exports import EXPORTS, LINES, write


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of descriptions."""
    monkeypatch.setenv("RETENTION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RETENTION_SOURCES", str(tmp_path / "sources"))
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path / "sources"


def run(*arguments: str | Path) -> Result:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def test_a_guess_is_written_tried_and_never_overwritten(sources: Path, tmp_path: Path) -> None:
    (file,) = write(tmp_path, EXPORTS["german"]())
    done = run("sources", "guess", file, "--name", "my_shop")
    assert done.exit_code == 0
    assert f"{len(LINES)} of {len(LINES)} rows accepted" in done.output
    assert "timezone: the shop's (IANA name)" in done.output
    path = sources / "my_shop.toml"
    path.write_text(path.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    again = run("sources", "guess", file, "--name", "my_shop")
    assert again.exit_code == 2
    assert "There is a my_shop.toml" in again.stderr
    assert "replace it with --overwrite" in again.stderr
    assert path.read_text(encoding="utf-8").endswith("# edited\n")
    replaced = run("sources", "guess", file, "--name", "my_shop", "--overwrite", "--json")
    assert json.loads(replaced.stdout)["feeds"] == {"lines": "order_lines"}
    assert not path.read_text(encoding="utf-8").endswith("# edited\n")


def test_a_guess_can_be_written_elsewhere(sources: Path, tmp_path: Path) -> None:
    (file,) = write(tmp_path, EXPORTS["plain"]())
    out = tmp_path / "drafts" / "my_shop.toml"
    assert run("sources", "guess", file, "--name", "my_shop", "--out", out).exit_code == 0
    assert out.exists()
    assert not sources.exists()


@pytest.mark.parametrize(
    ("name", "out"),
    [
        ("My Shop", None), ("../shop", None), ("shop", "draft.txt"),
        ("shop", "other.toml"), ("My Shop", "My Shop.toml"),
    ],
)  # fmt: skip
def test_a_name_that_is_none_is_refused(
    sources: Path, tmp_path: Path, name: str, out: str | None
) -> None:
    (file,) = write(tmp_path, EXPORTS["plain"]())
    options = ["--out", str(tmp_path / out)] if out else []
    assert run("sources", "guess", file, "--name", name, *options).exit_code == 2
    assert not sources.exists()


def test_what_cannot_be_guessed_exits_with_its_sentence(sources: Path, tmp_path: Path) -> None:
    file = tmp_path / "photo.csv"
    file.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    done = run("sources", "guess", file, "--name", "my_shop")
    assert done.exit_code == 3
    assert "photo.csv" in done.stderr
    assert not (sources / "my_shop.toml").exists()


def test_check_shows_rows_before_and_after_within_100_columns(
    sources: Path, tmp_path: Path
) -> None:
    files = write(tmp_path, EXPORTS["brazilian"]())
    run("sources", "guess", *files, "--name", "my_shop")
    done = run("sources", "check", *files, "--source", "my_shop")
    assert done.exit_code == 0
    assert "05/01/2025 09:15:10" in done.stdout
    assert "2025-01-05 09:15:10Z" in done.stdout
    assert "pedidos-2025-02.csv" in done.stdout
    shown = done.stdout.partition("First rows")[2].partition("Months")[0].splitlines()
    assert len(shown) > 20
    assert max(len(row.rstrip()) for row in shown) <= 100
    document = json.loads(run("sources", "check", *files, "--source", "my_shop", "--json").stdout)
    (lines,) = document["feeds"]
    assert [file["rows"] for file in lines["files"]] == [40, len(LINES) - 40]
    assert lines["examples"][0]["after"]["kind"] == "sale"


def test_check_goes_on_after_a_file_that_fits_no_feed(sources: Path, tmp_path: Path) -> None:
    (file,) = write(tmp_path, EXPORTS["plain"]())
    run("sources", "guess", file, "--name", "my_shop")
    stray = tmp_path / "Thumbs.db"
    stray.write_bytes(b"x")
    done = run("sources", "check", file, stray, "--source", "my_shop")
    assert done.exit_code == 3
    assert "Thumbs.db belongs to no feed" in done.stdout
    assert "accepted" in done.stdout


def test_a_ready_description_is_copied_once(sources: Path) -> None:
    assert "shopify" in run("sources", "init", "--list").stdout
    assert run("sources", "init", "shopify").exit_code == 0
    assert (sources / "shopify.toml").exists()
    again = run("sources", "init", "shopify")
    assert again.exit_code == 2
    assert "it stays as it is" in again.stderr
    assert run("sources", "init", "shopify", "--name", "second_shop").exit_code == 0
    missing = run("sources", "init", "shopfy")
    assert missing.exit_code == 2
    assert "There is no ready description 'shopfy'" in missing.stderr
    assert run("sources", "init").exit_code == 2


def test_the_next_command_names_all_files(sources: Path, tmp_path: Path) -> None:
    text = "order,placed,customer,sku,qty,price\n1,2025-01-05 10:00:00,c1,S,1,5.00\n"
    files = [tmp_path / f"orders {year}.csv" for year in range(2018, 2026)]
    for file in files:
        file.write_text(text, encoding="utf-8")
    few = run("sources", "guess", *files[:2], "--name", "few").output.replace("\n", "")
    assert f"check '{files[0]}' '{files[1]}' --source few" in few
    many = run("sources", "guess", *files, "--name", "many").output.replace("\n", "")
    assert f"check {tmp_path}/*.csv --source many" in many


def test_blanks_of_any_width_are_shown_as_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("Texts", ("",), [("1\u00a0234\u202f567\u3000円\x1b",)])
    assert "1 234 567 円\ufffd" in capsys.readouterr().out
