"""What the six pages have in common: head, navigation, day, foot; and filters for figures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from retention_ml.pages.charts import Format
from retention_ml.pages.links import PAGES, FileLinks, Links
from retention_ml.pages.rendering import environment

_DASH = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What stands around a page.

    Parameters
    ----------
    as_of : date or None
        The published day that is shown; None where nothing was published.
    days : sequence of date
        Published days to choose from, the newest first.
    currency : str
        Of every amount.
    published_at : datetime, optional
        When the scores of the day were published.
    written_at : datetime, optional
        When the page was written: ages on it count from there.
    snapshot_id : int, optional
        The scoring run of the day.
    links : Links
        How other pages are named.
    """

    as_of: date | None = None
    days: Sequence[date] = ()
    currency: str = ""
    published_at: datetime | None = None
    written_at: datetime | None = None
    snapshot_id: int | None = None
    links: Links = field(default_factory=FileLinks)


def render(template: str, frame: Frame, *, page: str | None = None, **values: Any) -> str:
    """A page as HTML.

    Parameters
    ----------
    template : str
        Name of a template without its ending.
    frame : Frame
        What stands around it.
    page : str, optional
        Which of the six it belongs to, to mark it in the navigation.
    **values : object
        What the template shows.
    """
    return str(
        _environment()
        .get_template(f"{template}.html.jinja")
        .render(frame=frame, links=frame.links, page=page, pages=PAGES, **values)
    )


def figure(value: Any, style: Format = "number") -> str:
    """A value as a page shows it; a dash where there is none.

    Examples
    --------
    >>> figure(0.1234, "percent"), figure(1234.5, "money"), figure(None), figure(0.12345)
    ('12.3 %', '1,234', '–', '0.123')
    """
    if value is None:
        return _DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and style != "percent":
        return f"{value:,}"
    if not isinstance(value, int | float):
        return str(value)
    match style:
        case "percent":
            return f"{100 * value:.1f} %"
        case "count":
            return f"{value:,.0f}"
        case "money":
            return f"{value:,.2f}" if abs(value) < 10 else f"{value:,.0f}"
        case _:
            return f"{value:.3f}"


def change(value: float | None, style: Format = "count") -> str:
    """A difference with its sign; no change is said.

    >>> change(12.0), change(-3.0), change(0.0), change(None)
    ('+12', '−3', 'no change', '–')
    """
    if value is None:
        return _DASH
    if round(value, 9) == 0:
        return "no change"
    return f"{'+' if value > 0 else '−'}{figure(abs(value), style)}"


def words(text: str | None) -> str:
    """A code as words.

    >>> words("input_drift"), words(None)
    ('input drift', '–')
    """
    return _DASH if text is None else text.replace("_", " ")


def coded(text: str) -> Markup:
    """A sentence with what stands between backticks as code.

    >>> print(coded("Run `a < b`."))
    Run <code>a &lt; b</code>.
    """
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else part
        for number, part in enumerate(parts)
    )


@cache
def _environment() -> Environment:
    return environment(
        "retention_ml.pages", "templates", figure=figure, change=change, words=words, coded=coded
    )
