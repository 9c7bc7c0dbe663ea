"""Secrets that come as files, as containers get them: `NAME_FILE` names the file that holds `NAME`."""

from collections.abc import Collection, Mapping
from pathlib import Path

from retention_ml.errors import SettingsError

SUFFIX = "_FILE"


def with_secrets(environment: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """The environment with each `NAME_FILE` replaced by `NAME` and what its file holds.

    Parameters
    ----------
    environment : mapping of str to str
    names : collection of str
        The variables that may come so. White space at the end of a file does not count.

    Raises
    ------
    SettingsError
        A file is missing, empty or unreadable, or a secret is given twice. No message shows one.

    Examples
    --------
    >>> with_secrets({"RETENTION_RUN_ID": "manual"}, ["RETENTION_WAREHOUSE_URL"])
    {'RETENTION_RUN_ID': 'manual'}
    >>> with_secrets({"RETENTION_SMTP_URL_FILE": "/nowhere"}, ["RETENTION_SMTP_URL"])
    Traceback (most recent call last):
        ...
    retention_ml.errors.SettingsError: RETENTION_SMTP_URL_FILE names /nowhere, ...
    """
    variables = dict(environment)
    for name in names:
        path = variables.pop(f"{name}{SUFFIX}", "")
        if not path:
            continue
        if variables.get(name):
            raise SettingsError(
                f"{name} and {name}{SUFFIX} are both set; expected is one of them. Remove the other."
            )
        variables[name] = _read(f"{name}{SUFFIX}", path)
    return variables


def _read(variable: str, path: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8").rstrip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise SettingsError(
            f"{variable} names {path}, which cannot be read: {reason}. Expected is a file that "
            "holds the secret and nothing else; put it there."
        ) from error
    if not text:
        raise SettingsError(
            f"{variable} names {path}, which is empty. Expected is a file that holds the secret and "
            "nothing else; fill it."
        )
    return text
