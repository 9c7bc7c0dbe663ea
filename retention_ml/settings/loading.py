"""How settings are read: environment over `retention.toml` over defaults.

Unknown keys and unknown `RETENTION_` variables are refused.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from retention_ml.errors import SettingsError
from retention_ml.settings.secret_files import SUFFIX, with_secrets
from retention_ml.settings.section import Section
from retention_ml.settings.sections import PROJECT, SECTIONS, Settings

_PREFIX = "RETENTION_"
ADDRESSES = {
    "MLFLOW_TRACKING_URI" if name == "tracking_uri" else _PREFIX + name.upper(): name
    for name in Settings.model_fields
    if name not in SECTIONS
}
# Read by others than `load`: the stack, the containers, the tests.
OTHER_VARIABLES = {
    "RETENTION_ASSISTANT_PASSWORD",
    "RETENTION_BI_PASSWORD",
    "RETENTION_CRM_PASSWORD",
    "RETENTION_DS_PASSWORD",
    "RETENTION_CHAOS",
    "RETENTION_CONTAINERS",
    "RETENTION_COMPONENT",
    "RETENTION_DATA_DIR",
    "RETENTION_DB_PASSWORD",
    "RETENTION_FAILPOINT",
    "RETENTION_GIT_SHA",
    "RETENTION_MODEL_ELSEWHERE",
    "RETENTION_SETTINGS",
    "RETENTION_SLACK_WEBHOOK",
    "RETENTION_SPARK",
    "RETENTION_SUPERSET",
    "RETENTION_WRITE_GOLDEN",
}
# May come as files too, as NAME_FILE: everything that is kept out of what is printed.
SECRETS = {name for name, key in ADDRESSES.items() if not Settings.model_fields[key].repr} | {
    "RETENTION_SLACK_WEBHOOK"
}
SECRET_FILES = {name + SUFFIX for name in SECRETS}
# Kubernetes describes every service of a namespace so; one may be called retention-something.
_SERVICE_LINK = re.compile(r"_SERVICE_(HOST|PORT)|_PORT(_\d+_|$)")


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process.

    Parameters
    ----------
    environment : mapping of str to str, optional
        Default `os.environ`. `RETENTION_SETTINGS` names the TOML file; without it
        `retention.toml` is looked for in the working directory, then in the project.
        A variable that is empty counts as not set. `NAME_FILE` of one that is a secret names a
        file that holds it.

    Raises
    ------
    SettingsError
        The file is no TOML, a key or variable is unknown, a value is out of range, or the file of
        a secret is missing or empty.
    """
    environment = os.environ if environment is None else environment
    file = _settings_file(environment)
    variables = _setting_variables(with_secrets(environment, SECRETS))
    values = {} if file is None else _read_toml(file)
    try:
        settings = _merge(variables, values)
    except ValidationError as error:
        raise SettingsError(_explain(error, variables, file)) from error
    return settings.model_copy(update={"home": settings.home.resolve()})


def _settings_file(environment: Mapping[str, str]) -> Path | None:
    stated = environment.get("RETENTION_SETTINGS")
    if stated:
        path = Path(stated)
        if not path.is_file():
            raise SettingsError(f"RETENTION_SETTINGS names {stated}, which is no file.")
        return path
    for folder in (Path.cwd(), PROJECT):
        if (folder / "retention.toml").is_file():
            return folder / "retention.toml"
    return None


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{file.name} is no valid TOML: {error}. Correct the line named."
        ) from error
    for section in values:
        if section not in SECTIONS:
            raise SettingsError(
                f"{file.name} has the unknown section {section!r}; "
                f"did you mean {_nearest(section, SECTIONS)!r}? "
                f"Expected is one of {', '.join(SECTIONS)}."
            )
    return values


def _keys(section: str) -> dict[str, FieldInfo]:
    default: Section = Settings.model_fields[section].default
    return type(default).model_fields


def _names(section: str) -> set[str]:
    """The names of a section and its keys, as variables write them, those of sub-sections too."""
    names = {section}
    for key, field in _keys(section).items():
        names.add(f"{section}__{key}")
        if isinstance(field.default, Section):
            names |= {f"{section}__{key}__{name}" for name in type(field.default).model_fields}
    return names


def _setting_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that hold a setting, in capitals; SettingsError names one that nobody reads."""
    in_sections = {_PREFIX + name.upper() for section in SECTIONS for name in _names(section)}
    readable = in_sections | set(ADDRESSES)
    variables = {}
    for variable, text in environment.items():
        name = variable.upper() if variable.startswith(_PREFIX) else variable
        if name in readable:
            if text:
                variables[name] = text
        elif name.startswith(_PREFIX) and name not in OTHER_VARIABLES:
            if _SERVICE_LINK.search(name):
                continue
            raise SettingsError(
                f"{variable} is no known variable; "
                f"did you mean {_nearest(name, readable | OTHER_VARIABLES | SECRET_FILES)}? "
                "Rename or remove it; docs/settings.md lists all of them."
            )
    return variables


def _variable_of(name: str, field: FieldInfo) -> str:
    """The variable of a section, or of a key of one."""
    sections = [section for section in SECTIONS if _keys(section).get(name) is field]
    return _PREFIX + "__".join((*sections, name)).upper()


def _nearest(name: str, names: Collection[str]) -> str:
    return difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.0)[0]


def _merge(variables: Mapping[str, str], values: Mapping[str, Any]) -> Settings:
    # Late: a quarter more start-up time for `retention --help`, which reads no settings.
    from pydantic_settings import (
        BaseSettings,
        EnvSettingsSource,
        InitSettingsSource,
        PydanticBaseSettingsSource,
        SettingsConfigDict,
    )

    class Variables(EnvSettingsSource):
        def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
            is_list_of_text = field.annotation == tuple[str, ...]
            if is_list_of_text and not value.lstrip().startswith("["):
                return [item.strip() for item in value.split(",") if item.strip()]
            try:
                decoded = super().decode_complex_value(field_name, field, value)
                if decoded is None:  # would count as not set
                    raise ValueError("null is no value")
                return decoded
            except ValueError as error:
                expected = (
                    'names with commas between them, or a JSON list such as ["a", "b"]'
                    if is_list_of_text
                    else 'a JSON table such as {"key": 1}'
                )
                raise SettingsError(
                    f"{_variable_of(field_name, field)} is {value!r}: {error}. "
                    f"Expected is {expected}."
                ) from error

    class Layers(Settings, BaseSettings):
        model_config = SettingsConfigDict(env_prefix=_PREFIX, env_nested_delimiter="__")

        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: Any, **__: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            from_variables = Variables(settings_cls)
            from_variables.env_vars = {
                (_PREFIX + ADDRESSES[name] if name in ADDRESSES else name).lower(): text
                for name, text in variables.items()
            }
            return from_variables, InitSettingsSource(settings_cls, dict(values))

    layers = Layers()
    return Settings(**{name: getattr(layers, name) for name in Settings.model_fields})


def _explain(error: ValidationError, variables: Mapping[str, str], file: Path | None) -> str:
    """Where the first wrong value stands, what it is, and what is expected."""
    first = error.errors()[0]
    if not first["loc"]:  # several sections together
        words = first["msg"].removeprefix("Value error, ")
        return f"The settings cannot be used: {words}. See docs/settings.md."
    section, *keys = (str(part) for part in first["loc"])
    whole = _PREFIX + section.upper()
    exact = {_PREFIX + "__".join((section, *keys[:depth])).upper() for depth in range(3)}
    sources = [name for name in variables if name in exact] or [
        name for name in variables if not keys and name.startswith(f"{whole}__")
    ]
    where = " and ".join(sources) or (file.name if file else "the environment")
    words = first["msg"].removeprefix("Value error, ")
    if section in ADDRESSES.values():  # which may hold a password
        [variable] = (name for name, setting in ADDRESSES.items() if setting == section)
        return f"{variable} cannot be used: {words}. See docs/settings.md."
    if first["type"] == "value_error" and not keys:  # several keys together
        return f"[{section}] as set in {where} cannot be used: {words}. See docs/settings.md."
    sentence = f"{'.'.join((section, *keys))} in {where} is {first['input']!r}: {words}."
    if first["type"] == "extra_forbidden" and keys:
        names = _keys(section)
        if len(keys) > 1 and isinstance(names[keys[0]].default, Section):
            names = type(names[keys[0]].default).model_fields
        sentence += f" Did you mean {_nearest(keys[-1], names)!r}?"
    return f"{sentence} See docs/settings.md."
