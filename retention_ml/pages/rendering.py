"""One Jinja environment and one style for every HTML file.

Templates stay beside the package that renders them, in its folder `pages`.
"""

import base64
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

# What ends a script element or begins a comment, an entity or another element inside it.
_UNSAFE_IN_SCRIPT = {
    ord(sign): f"\\u{ord(sign):04x}" for sign in ("<", ">", "&", "\u2028", "\u2029")
}


def environment(package: str, folder: str = "pages", **filters: Callable[..., Any]) -> Environment:
    """The environment for the templates of a package.

    Everything is escaped, an unknown name is an error. Templates have the global `style` and the
    filters `count`, `moment` and `script_json`.

    Parameters
    ----------
    package : str
        Whose folder holds the templates.
    folder : str
        The folder.
    **filters : callable
        More filters, by name.
    """
    result = Environment(
        loader=PackageLoader(package, folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    result.filters.update(count=count, moment=moment, script_json=script_json, **filters)
    style = files("retention_ml.pages").joinpath("style.css").read_text(encoding="utf-8")
    result.globals["style"] = style
    return result


def count(value: float | None) -> str:
    """The number without decimals, thousands apart; a dash where there is none.

    >>> count(1234), count(None)
    ('1,234', '–')
    """
    return "–" if value is None else f"{value:,.0f}"


def moment(at: datetime | None) -> str:
    """A moment in UTC to the minute; a dash where there is none."""
    return "–" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def script_json(value: object) -> Markup:
    """JSON to stand inside a script element: no text of it can end that element.

    Raises
    ------
    ValueError
        A number is not finite: it is no JSON, and no chart can show it.

    Examples
    --------
    >>> print(script_json({"name": "</script>"}))
    {"name": "\\u003c/script\\u003e"}
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_to_json)
    return Markup(text.translate(_UNSAFE_IN_SCRIPT))  # noqa: S704  (what could end a script is escaped)


def _to_json(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot stand in a page as JSON.")


def inline_png(png: bytes) -> str:
    """The address of a picture that stands inside the page."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
