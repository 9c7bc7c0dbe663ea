"""What has reached the customers of a continued shop, day by day, in files of the shop's own.

A day's contacts are written down before anything else happens on it, and everything that the shop
does follows from them, the seed and the world. So the log is the whole state.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from retention_ml import atomic_files
from retention_ml.errors import UsageError

FOLDER = "response"
COLUMNS = ("as_of", "customer_id", "action_id")
CHANNELS = EMAIL, PUSH = ("email", "push")
_RESPONSE, _CHANNEL = "response", "channel"


@dataclass(frozen=True, slots=True, order=True)
class Contact:
    """One message that reached a customer on a day.

    `response` is the action of the world that it is answered to as; empty: not said yet. `channel`
    is one of `CHANNELS`: what a customer whom it annoys withdraws.
    """

    as_of: date
    customer_id: str
    action_id: str
    response: str = ""
    channel: str = EMAIL


def read_contacts(paths: Iterable[Path]) -> list[Contact]:
    """The contacts in CSV files with at least the columns as_of, customer_id and action_id.

    The files of the channel `file` are such. A line that stands twice counts once.

    Raises
    ------
    UsageError
        A file cannot be read, or a line lacks one of them or has no such day.
    """
    contacts: set[Contact] = set()
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"{path} cannot be read ({error}); expected a CSV file in UTF-8 with the columns "
                f"{', '.join(COLUMNS)}. Name such a file."
            ) from error
        reader = csv.DictReader(io.StringIO(text))
        missing = set(COLUMNS) - set(reader.fieldnames or ())
        if missing:
            raise UsageError(
                f"{path} has no column {', '.join(sorted(missing))}; expected at least "
                f"{', '.join(COLUMNS)}. Name a file of contacts."
            )
        for row in reader:
            contacts.add(_contact(path, reader.line_num, row))
    return sorted(contacts)


def record(folder: Path, day: date, contacts: Iterable[Contact]) -> bool:
    """Write down the contacts of a day; whether they differ from those written before.

    Raises
    ------
    UsageError
        The day has other contacts already, and a later day stands on them.
    """
    path = _path(folder, day)
    content = _csv(contacts)
    if path.exists() and path.read_bytes() == content:
        return False
    lived = days_lived(folder)
    if lived and lived[-1] > day:
        raise UsageError(
            f"{day} was lived through with other contacts, and {lived[-1]} stands on them; "
            "nothing was written. Give the same contacts, or simulate the shop anew."
        )
    atomic_files.write_durable(path, content)
    return True


def require_world(folder: Path, name: str) -> None:
    """Write down in which world the shop goes on.

    Raises
    ------
    UsageError
        It went on in another one.
    """
    path = folder / FOLDER / "world.txt"
    before = path.read_text(encoding="utf-8").strip() if path.exists() else name
    if before != name:
        raise UsageError(
            f"The shop went on in the world {before}, not in {name}. Give the same world, or "
            "simulate the shop anew."
        )
    atomic_files.write_text(path, f"{name}\n")


def recorded(folder: Path, day: date) -> list[Contact]:
    """The contacts of a day that was lived through."""
    return read_contacts([_path(folder, day)])


def days_lived(folder: Path) -> list[date]:
    """The days whose contacts were written down, in their order."""
    return sorted(
        date.fromisoformat(path.stem.removeprefix("contacts_"))
        for path in (folder / FOLDER).glob("contacts_*.csv")
    )


def _path(folder: Path, day: date) -> Path:
    return folder / FOLDER / f"contacts_{day}.csv"


def _csv(contacts: Iterable[Contact]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*COLUMNS, _RESPONSE, _CHANNEL))
    for each in sorted(contacts):
        writer.writerow((each.as_of, each.customer_id, each.action_id, each.response, each.channel))
    return text.getvalue().encode()


def _contact(path: Path, line: int, row: Mapping[str, str | None]) -> Contact:
    try:
        as_of = date.fromisoformat(row["as_of"] or "")
    except ValueError as error:
        raise UsageError(
            f"{path}, line {line}: as_of is {row['as_of']!r}; expected a day such as 2025-01-31."
        ) from error
    customer_id, action_id = row["customer_id"], row["action_id"]
    if not customer_id or not action_id:
        raise UsageError(
            f"{path}, line {line}: there is no {'action_id' if customer_id else 'customer_id'}; "
            f"expected {', '.join(COLUMNS)} in every line. Mend the line, or take it out."
        )
    return Contact(
        as_of=as_of,
        customer_id=customer_id,
        action_id=action_id,
        response=row.get(_RESPONSE) or "",
        channel=row.get(_CHANNEL) or EMAIL,
    )
