"""Addresses on the pages: beside each other in a folder, or answered by a server.

All are relative, so pages work wherever the folder lies and under whatever path the server is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol
from urllib.parse import quote, urlencode

PAGES = {
    "today": "Today",
    "now": "Now",
    "customers": "Customers",
    "model": "Model",
    "data": "Data",
    "drift": "Drift",
}
"""The six pages in their order, by name."""


class Links(Protocol):
    """How a page names the others; an address that the door does not have is None."""

    def page(self, name: str) -> str:
        """One of the six pages, of the same day."""

    def customer(self, customer_id: str) -> str | None:
        """The page of a customer."""

    def batch(self, batch_id: int) -> str | None:
        """The quality report of a batch."""

    def export(self) -> str:
        """The customers of the page as CSV."""

    def listed(self, number: int) -> str:
        """A page of the list of customers."""

    def asset(self, name: str) -> str:
        """A script."""

    def hidden_fields(self) -> Sequence[tuple[str, str]]:
        """What the page was asked for besides its day: another day is asked for with it."""

    @property
    def is_served(self) -> bool:
        """Whether a server answers: forms work, and other days can be chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLinks:
    """Pages as files of one folder.

    Parameters
    ----------
    customers : mapping of str to str
        File names of the customers that have a page.
    batches : mapping of int to str
        Addresses of quality reports that exist.
    """

    customers: Mapping[str, str] = field(default_factory=dict)
    batches: Mapping[int, str] = field(default_factory=dict)

    def page(self, name: str) -> str:
        """The file of a page.

        >>> FileLinks().page("today")
        'today.html'
        """
        return f"{name}.html"

    def customer(self, customer_id: str) -> str | None:
        """The file of a customer, None if they have none."""
        return self.customers.get(customer_id)

    def batch(self, batch_id: int) -> str | None:
        """The quality report of a batch, None if there is none."""
        return self.batches.get(batch_id)

    def export(self) -> str:
        """The file of all customers."""
        return "customers.csv"

    def listed(self, number: int) -> str:  # noqa: ARG002
        """The one list that there is."""
        return self.page("customers")

    def asset(self, name: str) -> str:
        """A script beside the pages."""
        return f"assets/{name}"

    def hidden_fields(self) -> Sequence[tuple[str, str]]:
        """Nothing: a file has one day."""
        return ()

    @property
    def is_served(self) -> bool:
        """Nobody answers."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLinks:
    """Pages that a server answers, all below one address.

    Parameters
    ----------
    as_of : date, optional
        The day that was asked for: it goes along. None: the newest.
    asked : sequence of (str, str)
        What a customer list was filtered by: its export is filtered alike.
    subject : sequence of (str, str)
        Whom or what the page is about, such as a customer's `id`.
    """

    as_of: date | None = None
    asked: Sequence[tuple[str, str]] = ()
    subject: Sequence[tuple[str, str]] = ()

    def page(self, name: str) -> str:
        """A page of the same day.

        >>> ServerLinks(as_of=date(2026, 3, 1)).page("today")
        'today?as_of=2026-03-01'
        """
        return self._address(name)

    def customer(self, customer_id: str) -> str | None:
        """The page of a customer, whatever their number is made of.

        >>> ServerLinks().customer("a/b&c <d>")
        'customer?id=a%2Fb%26c+%3Cd%3E'
        """
        return self._address("customer", ("id", customer_id))

    def batch(self, batch_id: int) -> str | None:
        """The quality report of a batch."""
        return self._address("batch", ("number", str(batch_id)))

    def export(self) -> str:
        """The filtered customers as CSV."""
        return self._address("customers.csv", *self.asked)

    def listed(self, number: int) -> str:
        """A page of the filtered list."""
        return self._address("customers", *self.asked, ("number", str(number)))

    def asset(self, name: str) -> str:
        """A script that the server holds."""
        return f"assets/{quote(name)}"

    def hidden_fields(self) -> Sequence[tuple[str, str]]:
        """The subject and the filter.

        >>> ServerLinks(asked=[("tier", "high")], subject=[("id", "7")]).hidden_fields()
        [('id', '7'), ('tier', 'high')]
        """
        return [*self.subject, *self.asked]

    @property
    def is_served(self) -> bool:
        """A server answers."""
        return True

    def _address(self, name: str, *asked: tuple[str, str]) -> str:
        day = [("as_of", self.as_of.isoformat())] if self.as_of else []
        query = urlencode([*asked, *day])
        return f"{name}?{query}" if query else name
