"""One page as a server answers it: its status, its text, and why where there is none."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from itertools import chain, islice

from retention_ml.errors import RetentionError, UsageError, WarehouseError, frames_of
from retention_ml.pages.links import Links, ServerLinks
from retention_ml.pages.shell import Frame, render
from retention_ml.reports.site.customer import customer_page
from retention_ml.reports.site.customers import customers_page, export
from retention_ml.reports.site.data import data_page
from retention_ml.reports.site.days import NotThere
from retention_ml.reports.site.drift import drift_page
from retention_ml.reports.site.look import Look, looking
from retention_ml.reports.site.model import model_page
from retention_ml.reports.site.now import now_page
from retention_ml.reports.site.run import run_page
from retention_ml.reports.site.today import headline, today_page
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

logger = logging.getLogger(__name__)

MAKERS: Mapping[str, Callable[[Look], str]] = {
    "today": today_page,
    "now": now_page,
    "customers": customers_page,
    "customer": customer_page,
    "model": model_page,
    "data": data_page,
    "drift": drift_page,
    "run": run_page,
    "headline.json": headline,
}
"""Every page by name: from a look to its text."""
EXPORT = "customers.csv"
_LINES_EACH = 500

_MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "html": "text/html; charset=utf-8",
}
_FILTERS = ("tier", "text", "order")
_SUBJECTS = ("id", "dag_id", "run_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back to a browser.

    Parameters
    ----------
    status : int
        Of HTTP.
    body : str
        The text; empty where it comes in parts.
    parts : iterator of str, optional
        A text of any size. The database is open until it ends or is dropped.
    """

    status: int
    body: str = ""
    parts: Iterator[str] | None = None
    media_type: str = _MEDIA_TYPES["html"]


def answer(
    open_warehouse: Callable[[], Warehouse],
    settings: Settings,
    name: str,
    asked: Mapping[str, str],
) -> Answer:
    """The page of that name for what was asked, or a page with the sentence why there is none.

    Parameters
    ----------
    open_warehouse : callable
        The warehouse; it may raise, as everything else.
    name : str
        One of `MAKERS`, or `EXPORT`.
    asked : mapping of str to str
        Parameters of the address: `as_of`, and what the page knows besides. Nothing of it becomes
        part of a statement; it is bound.
    """
    links: Links = ServerLinks()
    try:
        if name not in (*MAKERS, EXPORT):
            raise NotThere(
                f"There is no such page; expected one of {', '.join((*MAKERS, EXPORT))}."
            )
        as_of = _day(asked.get("as_of"))
        links = ServerLinks(
            as_of=as_of, asked=_pairs(asked, _FILTERS), subject=_pairs(asked, _SUBJECTS)
        )
        if name == EXPORT:
            parts = _exported(open_warehouse(), settings, as_of, links, asked)
            # What cannot be answered is a sentence too, so it has to fail before the first part.
            parts = chain(list(islice(parts, 1)), parts)
            return Answer(status=HTTPStatus.OK, parts=parts, media_type=_MEDIA_TYPES["csv"])
        with looking(open_warehouse(), settings, as_of=as_of, links=links, asked=asked) as look:
            return Answer(
                status=HTTPStatus.OK,
                body=MAKERS[name](look),
                media_type=_MEDIA_TYPES[name.partition(".")[2] or "html"],
            )
    except NotThere as error:
        return not_there(str(error))
    except UsageError as error:
        return _sentence(HTTPStatus.BAD_REQUEST, "That cannot be asked", str(error))
    except WarehouseError as error:
        logger.warning("The page %s could not be made: %s", name, error)
        return _sentence(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "The database does not answer",
            "The pages read everything from the warehouse, and it does not answer now or took too "
            "long. Nothing is lost. Try again in a minute; if it stays so, `retention stack status` "
            "says what runs.",
        )
    except RetentionError as error:
        return _sentence(HTTPStatus.INTERNAL_SERVER_ERROR, "No page", str(error))
    except Exception as error:  # a defect: its text may hold a customer's value
        logger.error("The page %s failed: %s\n%s", name, type(error).__name__, frames_of(error))
        return _sentence(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "No page",
            f"This page could not be made ({type(error).__name__}); the log says where. Please "
            "report it as a defect.",
        )


def not_there(sentence: str) -> Answer:
    """The page that says why there is none."""
    return _sentence(HTTPStatus.NOT_FOUND, "Not there", sentence)


def _sentence(status: HTTPStatus, title: str, sentence: str) -> Answer:
    body = render("sentence", Frame(links=ServerLinks()), title=title, sentence=sentence)
    return Answer(status=status, body=body)


def _day(text: str | None) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            "The day in the address cannot be read; expected YYYY-MM-DD such as 2026-03-01."
        ) from None


def _pairs(asked: Mapping[str, str], names: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, asked[name]) for name in names if asked.get(name)]


def _exported(
    warehouse: Warehouse,
    settings: Settings,
    as_of: date | None,
    links: Links,
    asked: Mapping[str, str],
) -> Iterator[str]:
    """The export in parts of some lines: a part is a step of the server, a line would be too many."""
    with looking(warehouse, settings, as_of=as_of, links=links, asked=asked) as look:
        lines = export(look)
        while part := "".join(islice(lines, _LINES_EACH)):
            yield part
