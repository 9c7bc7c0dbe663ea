"""Settings: environment over file over defaults; unknown keys refused."""

from pathlib import Path

import pytest

from retention_ml.errors import SettingsError
from retention_ml.settings import PROJECT, Settings, load


def _file(tmp_path: Path, text: str) -> dict[str, str]:
    path = tmp_path / "retention.toml"
    path.write_text(text)
    return {"RETENTION_SETTINGS": str(path)}


def test_the_shipped_file_says_every_default() -> None:
    shipped = load({"RETENTION_SETTINGS": str(PROJECT / "retention.toml")})
    assert shipped.model_copy(update={"home": Settings().home}) == Settings()


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    environment = _file(tmp_path, "[churn]\nhorizon_days = 60\nactive_days = 120\n")
    settings = load({**environment, "RETENTION_CHURN__HORIZON_DAYS": "90"})
    assert (settings.churn.horizon_days, settings.churn.active_days) == (90, 120)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[chrun]\nhorizon_days = 1\n", "unknown section 'chrun'"),
        ("[churn]\nhorizon = 1\n", "churn.horizon .* Extra inputs"),
        ("[churn]\nhorizon_days = 0\n", "churn.horizon_days .* is 0"),
        ("[calendar]\ntimezone = 'Mars'\n", "no IANA time zone"),
        ("[tiers]\nhigh = 0.9\n", "tier bounds must fall"),
        ("[churn\n", "no valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load(_file(tmp_path, text))


def test_a_wrong_variable_is_refused_by_name() -> None:
    with pytest.raises(
        SettingsError, match="RETENTION_CHRUN__HORIZON_DAYS names the unknown section"
    ):
        load({"RETENTION_CHRUN__HORIZON_DAYS": "1"})


def test_a_file_that_is_named_but_absent_is_refused() -> None:
    with pytest.raises(SettingsError, match="which is no file"):
        load({"RETENTION_SETTINGS": "no-such.toml"})


def test_the_warehouse_address_is_not_shown() -> None:
    settings = load({"RETENTION_WAREHOUSE_URL": "postgresql://a:hush@localhost/b"})
    assert "hush" not in repr(settings)
