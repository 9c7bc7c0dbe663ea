"""HTML pages that are readable without a network: one Jinja environment, one style.

Templates stay beside the package that renders them, in its folder `pages`.
"""

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment(package: str, **filters: Callable[..., Any]) -> Environment:
    """The environment for the templates of a package.

    Everything is escaped, an unknown name is an error. Templates have the global `style` and the
    filters `count` and `moment`.

    Parameters
    ----------
    package : str
        Whose folder `pages` holds the templates.
    **filters : callable
        More filters, by name.
    """
    result = Environment(
        loader=PackageLoader(package, "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    result.filters.update(count=count, moment=moment, **filters)
    style = files("retention_ml").joinpath("pages.css").read_text(encoding="utf-8")
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


def inline_png(png: bytes) -> str:
    """The address of a picture that stands inside the page."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
