"""Settings: environment over file over defaults; unknown keys refused."""

import tomllib
from pathlib import Path

import pytest

from retention_ml.errors import SettingsError
from retention_ml.settings import PROJECT, SECTIONS, Settings, load


def _file(tmp_path: Path, text: str) -> dict[str, str]:
    path = tmp_path / "retention.toml"
    path.write_text(text)
    return {"RETENTION_SETTINGS": str(path)}


def test_the_shipped_file_has_exactly_every_section_and_key_and_loads() -> None:
    path = PROJECT / "retention.toml"
    shipped = tomllib.loads(path.read_text(encoding="utf-8"))
    defaults = Settings().model_dump(include=set(SECTIONS))
    assert {section: set(keys) for section, keys in shipped.items()} == {
        section: set(keys) for section, keys in defaults.items()
    }
    load({"RETENTION_SETTINGS": str(path)})


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    environment = _file(tmp_path, "[churn]\nhorizon_days = 60\nactive_days = 120\n")
    settings = load({**environment, "RETENTION_CHURN__HORIZON_DAYS": "90"})
    assert (settings.churn.horizon_days, settings.churn.active_days) == (90, 120)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[chrun]\nhorizon_days = 1\n", "unknown section 'chrun'"),
        ("[chrun]\nhorizon_days = 1\n", "did you mean 'churn'"),
        ("[churn]\nhorizon = 1\n", "churn.horizon .* Extra inputs"),
        ("[churn]\nhorizon = 1\n", "Did you mean 'horizon_days'"),
        ("home = '/elsewhere'\n", "unknown section 'home'"),
        ("[churn]\nhorizon_days = 0\n", "churn.horizon_days .* is 0"),
        ("[calendar]\ntimezone = 'Mars'\n", "no IANA time zone"),
        ("[tiers]\nhigh = 0.9\n", "tier bounds must fall"),
        ("[churn\n", "no valid TOML"),
        ("[actions]\nbudget_per_day = 0\n", "budget_per_day .* is 0"),
        ("[actions]\nbudget_per_day = -1.5\n", "budget_per_day .* is -1.5"),
        ("[actions]\nbudget_per_day = nan\n", "budget_per_day .* is nan"),
        ("[actions]\nbudget_per_day = inf\n", "budget_per_day .* is inf"),
        ("[holdout]\nshare = 0.6\n", "holdout.share .* is 0.6"),
        ("[holdout]\nsalt = '1'\n", "holdout.salt and trial.salt are both '1'.*Choose another"),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load(_file(tmp_path, text))


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("RETENTION_CHRUN__HORIZON_DAYS", "RETENTION_CHURN__HORIZON_DAYS"),
        ("RETENTION_CHURN__HORIZON", "RETENTION_CHURN__HORIZON_DAYS"),
        ("RETENTION_HOEM", "RETENTION_HOME"),
        ("RETENTION_SLACK_WEBHOK", "RETENTION_SLACK_WEBHOOK"),
        ("RETENTION_X", "RETENTION_"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_known_one(
    variable: str, nearest: str
) -> None:
    with pytest.raises(SettingsError, match=f"{variable} is no .* did you mean {nearest}"):
        load({variable: "1"})


def test_variables_of_other_parts_and_of_kubernetes_are_let_pass() -> None:
    load(
        {
            "RETENTION_FAILPOINT": "score.start",
            "RETENTION_COMPONENT": "mlflow",
            "RETENTION_WEB_SERVICE_HOST": "10.0.0.1",
            "RETENTION_WEB_PORT_80_TCP_ADDR": "10.0.0.1",
            "OTHER_CHURN__HORIZON_DAYS": "1",
        }
    )


@pytest.mark.parametrize(
    ("variable", "text", "words"),
    [
        (
            "RETENTION_CHURN__HORIZON_DAYS",
            "x",
            "churn.horizon_days in RETENTION_CHURN__HORIZON_DAYS is 'x': .* valid integer",
        ),
        (
            "RETENTION_TIERS__HIGH",
            "0.9",
            r"\[tiers\] as set in RETENTION_TIERS__HIGH .* bounds must fall",
        ),
        ("RETENTION_CHURN", "{days}", r"RETENTION_CHURN is '\{days\}': .* JSON table"),
        ("RETENTION_CHURN", '{"horizon": 1}', "churn.horizon in RETENTION_CHURN is 1"),
        ("RETENTION_CHURN", "null", "RETENTION_CHURN is 'null': null is no value. .* JSON table"),
        ("RETENTION_ALERTS__EMAIL_TO", '["a"', "RETENTION_ALERTS__EMAIL_TO is .* JSON list"),
    ],
)
def test_a_wrong_value_is_refused_with_its_variable(
    tmp_path: Path, variable: str, text: str, words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        load({**_file(tmp_path, "[churn]\nactive_days = 120\n"), variable: text})


@pytest.mark.parametrize("variable", ["RETENTION_CHURN", "RETENTION_ALERTS__EMAIL_TO"])
def test_of_two_variables_with_one_text_the_malformed_one_is_named(variable: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{variable} is "):
        load({"RETENTION_RUN_ID": "[a", variable: "[a"})


@pytest.mark.parametrize(
    "text",
    ["recency, logistic", "recency,logistic", ",recency,,logistic, ", '["recency","logistic"]'],
)
def test_a_list_is_written_with_commas_or_as_json(text: str) -> None:
    settings = load({"RETENTION_TRAINING__CANDIDATES": text})
    assert settings.training.candidates == ("recency", "logistic")


def test_a_list_of_one_may_end_in_a_comma() -> None:
    assert load({"RETENTION_TRAINING__CANDIDATES": "recency,"}).training.candidates == ("recency",)


def test_a_section_is_written_as_json_and_its_keys_win_over_it(tmp_path: Path) -> None:
    settings = load(
        {
            **_file(tmp_path, "[churn]\nactive_days = 120\nhorizon_days = 60\n"),
            "RETENTION_CHURN": '{"horizon_days": 30, "lead_days": 1}',
            "RETENTION_CHURN__LEAD_DAYS": "2",
        }
    )
    churn = settings.churn
    assert (churn.active_days, churn.horizon_days, churn.lead_days) == (120, 30, 2)


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    empty = {"RETENTION_HOME": "", "RETENTION_CHURN__HORIZON_DAYS": ""}
    settings = load({**_file(tmp_path, ""), **empty})
    assert settings.home == Settings().home.resolve()
    assert settings.churn == Settings().churn


def test_a_section_in_a_section_is_read_from_file_and_variables(tmp_path: Path) -> None:
    settings = load(
        {
            **_file(tmp_path, "[channels.email]\nper_hour = 5\nretry_seconds = 7\n"),
            "RETENTION_CHANNELS__EMAIL__PER_HOUR": "6",
            "RETENTION_CHANNELS__FILE": '{"rows_max": 3}',
        }
    )
    email = settings.channels.email
    assert (email.per_hour, email.retry_seconds, settings.channels.file.rows_max) == (6, 7, 3)


@pytest.mark.parametrize(
    ("text", "variables", "words"),
    [
        (
            "[channels.email]\nper_hour = -1\n",
            {},
            "channels.email.per_hour in retention.toml is -1",
        ),
        ("[channels.email]\nper_hours = 1\n", {}, "Did you mean 'per_hour'"),
        ("[channels.mail]\nper_hour = 1\n", {}, "channels.mail .* Did you mean 'email'"),
        (
            "",
            {"RETENTION_CHANNELS__EMAIL__PER_HOUR": "x"},
            "in RETENTION_CHANNELS__EMAIL__PER_HOUR",
        ),
        (
            "",
            {"RETENTION_CHANNELS__EMAIL__PER_HOURS": "1"},
            "did you mean RETENTION_CHANNELS__EMAIL",
        ),
    ],
)
def test_a_wrong_section_in_a_section_is_named(
    tmp_path: Path, text: str, variables: dict[str, str], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        load({**_file(tmp_path, text), **variables})


def test_secrets_of_channels_are_not_shown_and_not_read_from_the_file(tmp_path: Path) -> None:
    hush = {"RETENTION_SMTP_URL": "smtp://a:hush@h", "RETENTION_WEBHOOK_SECRET": "hush"}
    assert "hush" not in repr(load(hush))
    with pytest.raises(SettingsError, match="unknown section 'webhook_secret'"):
        load(_file(tmp_path, "webhook_secret = 'hush'\n"))


def test_the_addresses_come_from_the_environment() -> None:
    settings = load({"MLFLOW_TRACKING_URI": "http://127.0.0.1:5000", "RETENTION_RUN_ID": "r1"})
    assert (settings.tracking_uri, settings.run_id) == ("http://127.0.0.1:5000", "r1")


def test_a_file_that_is_named_but_absent_is_refused() -> None:
    with pytest.raises(SettingsError, match="which is no file"):
        load({"RETENTION_SETTINGS": "no-such.toml"})


def test_the_warehouse_address_is_not_shown() -> None:
    settings = load({"RETENTION_WAREHOUSE_URL": "postgresql://a:hush@localhost/b"})
    assert "hush" not in repr(settings)
