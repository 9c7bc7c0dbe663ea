"""The errors this library raises, one class per different reaction of the caller.

    RetentionError
    ├── UsageError            the request or a setting is wrong: correct it            (exit 2)
    │   ├── SettingsError     a setting or a source description cannot be read
    │   └── UnknownSource     no such file under sources/
    ├── HeldBack              a gate said no: look at the evidence, nothing is lost    (exit 3)
    │   ├── FileRefused       a delivered file cannot be read as its source describes it
    │   ├── QualityError      a batch failed a critical expectation
    │   ├── NotReady          the data cannot carry a model yet
    │   ├── MessageRefused    one message cannot be written: leave it out, send the others
    │   ├── PublicationRefused  an audit, a fence or an unfit model stopped publication
    │   ├── AssignmentRefused  an audit of who gets which action failed: nothing was kept
    │   ├── UnknownCustomer   nobody with that number is in the warehouse
    │   └── AuditLogBroken    the audit log is not what was written: find out who changed it
    ├── WarehouseError        the database did not answer or refused: try again         (exit 1)
    ├── RegistryError         the model registry did not answer: try again              (exit 1)
    │   └── UnfitModel        a model's files are not what was approved: serve another   (exit 1)
    ├── ChannelError          a channel takes no message: they wait, try again           (exit 1)
    ├── StackError            the local stack could not be started or stopped           (exit 1)
    ├── MachineError          this machine refused, such as a full disk: mend it        (exit 1)
    └── AccountingError       rows do not add up: a defect of this library, please report it

A message says what is wrong with its value, what was expected, and what to do next.
It never holds a customer's identifier.
"""

import errno
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager


class RetentionError(Exception):
    """Anything this library raises on purpose."""

    exit_code = 1


class UsageError(RetentionError):
    """The request is wrong."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting or a source description cannot be read."""


class UnknownSource(UsageError):
    """There is no source description of that name."""


class HeldBack(RetentionError):
    """A gate said no; the evidence is stored and nothing is lost."""

    exit_code = 3


class FileRefused(HeldBack):
    """A delivered file cannot be read as its source describes it.

    Parameters
    ----------
    message : str
        What is wrong, what was expected, what to do.
    reason_code : str
        The closed code stored in `raw.deliveries`.
    """

    def __init__(self, message: str, reason_code: str = "unreadable_file") -> None:
        super().__init__(message)
        self.reason_code = reason_code


class QualityError(HeldBack):
    """A batch failed a critical expectation."""


class NotReady(HeldBack):
    """The data cannot carry a model yet."""


class MessageRefused(HeldBack):
    """One message cannot be written; the others go on."""


class PublicationRefused(HeldBack):
    """An audit, a fence or an unfit model stopped publication."""


class AssignmentRefused(HeldBack):
    """An audit of who gets which action failed; nothing was kept."""


class UnknownCustomer(HeldBack):
    """Nobody with that number is in the warehouse."""


class AuditLogBroken(HeldBack):
    """The audit log, or its end in the home, is not what was written."""


class WarehouseError(RetentionError):
    """The database did not answer or refused.

    Parameters
    ----------
    message : str
        What the database said.
    sqlstate : str, optional
        Its code, where it refused a statement.
    """

    def __init__(self, message: str, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class RegistryError(RetentionError):
    """The model registry did not answer."""


class UnfitModel(RegistryError):
    """A model's files are damaged, were changed, or are not of this library."""


class ChannelError(RetentionError):
    """A mail server or receiver takes no message now; what is due waits."""


class StackError(RetentionError):
    """The local stack could not be started or stopped."""


class MachineError(RetentionError):
    """This machine refused: its disk or memory is full, or a right or a file is missing."""


class AccountingError(RetentionError):
    """Rows read are not the rows written, quarantined, left out and recognised as duplicates."""


# So libraries written in C++ say that memory is short; their class of error is that of all others.
_NO_MEMORY = ("bad_alloc", "bad allocation")
# Whatever follows: a password may hold any character but a blank, and quotes end no address.
_ADDRESS = re.compile(r"\b[\w+.-]+://\S*")


def first_words(error: BaseException) -> str:
    """The first line of what an error says, at most 300 printable signs, without addresses.

    Examples
    --------
    >>> first_words(OSError("no answer from https://ann:secret@host/api today"))
    'no answer from its address today'
    """
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return printable(_ADDRESS.sub("its address", first)[:300])


def printable(text: str) -> str:
    r"""A text of a file as it may stand in a sentence: no sign that moves a terminal.

    Examples
    --------
    >>> printable("order\x1bid")
    'order?id'
    """
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def frames_of(error: BaseException) -> str:
    """Where an error was raised, without its text: that may hold a customer's value."""
    return "\n".join(
        f"  {frame.filename}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    )


def explain_refusal(error: OSError) -> MachineError:
    """The sentence for what the operating system refused.

    Examples
    --------
    >>> print(explain_refusal(OSError(errno.EACCES, "Permission denied", "/srv/home/models")))
    The system refused /srv/home/models (Permission denied). Nothing that was begun counts as done. \
Check the folders with `retention doctor`, then run the same command again.
    """
    where = "" if error.filename is None else f" {_ADDRESS.sub('its address', str(error.filename))}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return MachineError(
            f"The disk is full{': there is no room for' if where else ''}{where}. Nothing that was "
            "begun counts as done, and what was delivered is still where it was. Free space on the "
            "disk of RETENTION_HOME or of the temporary files (`df -h`), then run the same command "
            "again: it takes everything."
        )
    what = error.strerror or first_words(error)
    return MachineError(
        f"The system refused{where} ({what}). Nothing that was begun counts as done. "
        "Check the folders with `retention doctor`, then run the same command again."
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is short, also one of a library written in C++.

    Examples
    --------
    >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("std::bad_alloc"))
    (True, True)
    >>> is_out_of_memory(RuntimeError("the metric is unknown"))
    False
    """
    return isinstance(error, MemoryError) or any(words in str(error) for words in _NO_MEMORY)


@contextmanager
def machine_errors() -> Iterator[None]:
    """A block in which an OSError, or a lack of memory, becomes a MachineError.

    That nobody reads what is printed any more is left to whoever prints.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise explain_refusal(error) from error
    except RetentionError:
        raise
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise MachineError(
            "The memory of this machine, or what this process may use of it, is full. Nothing that "
            "was begun counts as done, and published scores and models stay as they are. Lower "
            "threads under [compute], and for a training rows_max under [training], or allow more "
            "memory; then run the same command again."
        ) from error
