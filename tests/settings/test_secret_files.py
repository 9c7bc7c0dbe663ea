"""Secrets as files: read by the settings, refused with the name of what is missing, never shown."""

from pathlib import Path

import pytest

from retention_ml.errors import SettingsError
from retention_ml.settings import load, loading

_URL = "postgresql://retention:s3cret@postgres:5432/retention"


def test_every_secret_may_come_as_a_file_and_nothing_else() -> None:
    assert "RETENTION_WAREHOUSE_URL" in loading.SECRETS
    assert "RETENTION_HOME" not in loading.SECRETS
    variable = "RETENTION_HOME" + "_FILE"
    with pytest.raises(SettingsError, match=f"{variable} is no known variable"):
        load({variable: "/run/secrets/home"})


def test_the_settings_hold_what_the_file_holds_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"{_URL}\n", "utf-8")
    settings = load({"RETENTION_WAREHOUSE_URL_FILE": str(tmp_path / "url")})
    assert settings.warehouse_url == _URL


def test_a_file_that_is_not_named_is_not_set() -> None:
    assert load({"RETENTION_WAREHOUSE_URL_FILE": ""}).warehouse_url is None


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read: No such file"), (b" \n", "is empty"), (b"\xff", "no UTF-8")],
)
def test_a_file_without_a_secret_is_refused_with_its_name(
    content: bytes | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "url"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=words) as error:
        load({"RETENTION_WAREHOUSE_URL_FILE": str(path)})
    assert "RETENTION_WAREHOUSE_URL_FILE" in str(error.value)
    assert str(path) in str(error.value)


def test_a_secret_given_twice_is_refused_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "url").write_text(_URL, "utf-8")
    variables = {
        "RETENTION_WAREHOUSE_URL": _URL,
        "RETENTION_WAREHOUSE_URL_FILE": str(tmp_path / "url"),
    }
    with pytest.raises(SettingsError, match="are both set") as error:
        load(variables)
    assert "s3cret" not in str(error.value)
