"""Lists of what persons said, as CSV files: taken whole, or refused with the lines that are wrong."""

import csv
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from retention_ml.errors import UsageError
from retention_ml.people.consents import Purpose, Statement
from retention_ml.people.lookup import customer_id_of
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

COLUMNS = ("customer_id", "purpose", "is_given", "event_at")
_ANSWERS = {"yes": True, "no": False}
_NAMED = 5


def statement(customer_id: str, purpose: str, is_given: bool, event_at: datetime) -> Statement:
    """What one person said.

    Raises
    ------
    UsageError
        There is no such purpose.
    """
    matching = [each for each in Purpose if each == purpose]
    if not matching:
        raise UsageError(f"{purpose!r} is no purpose; expected {', '.join(Purpose)}.")
    return Statement(
        customer_id=customer_id, purpose=matching[0], is_given=is_given, event_at=event_at
    )


def read_statements(warehouse: Warehouse, settings: Settings, path: Path) -> list[Statement]:
    """The statements of a file, in its order.

    Raises
    ------
    UsageError
        It cannot be read, has other columns, or lines that are wrong, which are named.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise UsageError(
                    f"The columns of {path} are {', '.join(reader.fieldnames or ['none'])}; expected "
                    f"are {', '.join(COLUMNS)}. Nothing was written down."
                )
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as CSV in UTF-8: {error}.") from None
    statements, faults = [], []
    zone = ZoneInfo(settings.calendar.timezone)
    for line, row in enumerate(rows, 2):
        try:
            moment = datetime.fromisoformat(row["event_at"] or "")
            statements.append(
                statement(
                    customer_id_of(warehouse, settings, row["customer_id"]),
                    row["purpose"],
                    _ANSWERS[row["is_given"]],
                    moment if moment.tzinfo else moment.replace(tzinfo=zone),
                )
            )
        except (ValueError, KeyError, AttributeError, TypeError):
            faults.append(f"line {line}: is_given is yes or no, event_at YYYY-MM-DD HH:MM")
        except UsageError as error:
            faults.append(f"line {line}: {str(error).rstrip('.')}")
    if faults:
        more = f"; and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
        raise UsageError(
            f"{len(faults)} of {len(rows)} lines of {path} are wrong ({'; '.join(faults[:_NAMED])}"
            f"{more}). Nothing was written down. Correct them and give the list again whole."
        )
    return statements
