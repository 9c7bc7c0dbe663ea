"""Pools of coupon codes: one code a line in a file, each given once."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

from retention_ml.deliveries.description import toml_files
from retention_ml.errors import SettingsError
from retention_ml.warehouse import Transaction

LENGTH_MAX = 100
BYTES_MAX = 64 << 20

_ADD = """
INSERT INTO actions.coupons (pool, code, place, loaded_at, run_id)
SELECT :pool, code, :first + place, :loaded_at, :run_id
FROM unnest(CAST(:codes AS text[])) WITH ORDINALITY AS codes (code, place)
ON CONFLICT DO NOTHING
"""
# The first free codes and the messages that have none yet, both numbered; equal numbers meet.
_GIVE = """
WITH free AS MATERIALIZED (
    SELECT code, place FROM actions.coupons
    WHERE pool = :pool AND message_id IS NULL
    ORDER BY place LIMIT :count FOR UPDATE SKIP LOCKED
), numbered AS (
    SELECT code, row_number() OVER (ORDER BY place) AS number FROM free
), requests AS (
    SELECT customer_id, message_id, row_number() OVER (ORDER BY request.number) AS number
    FROM unnest(CAST(:customers AS text[]), CAST(:messages AS text[]))
        WITH ORDINALITY AS request (customer_id, message_id, number)
    WHERE NOT EXISTS (SELECT FROM actions.coupons AS coupon
        WHERE coupon.message_id = request.message_id)
)
UPDATE actions.coupons AS coupon
SET given_to = requests.customer_id, message_id = requests.message_id, as_of = :as_of,
    given_at = :given_at, run_id = :run_id
FROM numbered JOIN requests ON requests.number = numbered.number
WHERE coupon.pool = :pool AND coupon.code = numbered.code
"""
_TAKE_BACK = """
UPDATE actions.coupons AS coupon
SET given_to = NULL, message_id = NULL, as_of = NULL, given_at = NULL, run_id = :run_id
WHERE message_id = ANY(CAST(:messages AS text[]))
    AND NOT EXISTS (SELECT FROM actions.outbox WHERE outbox.message_id = coupon.message_id)
"""
_OF_MESSAGES = """
SELECT message_id, code FROM actions.coupons
WHERE message_id = ANY(CAST(:messages AS text[]))
"""
_LEFT = "SELECT count(*) FROM actions.coupons WHERE pool = :pool AND message_id IS NULL"
_EVER = "SELECT 1 FROM actions.coupons WHERE pool = :pool LIMIT 1"


def pool_file(folder: Path, pool: str) -> Path:
    """The file with the codes of a pool, in the folder of the action files."""
    return folder / "coupons" / f"{pool}.txt"


def read_codes(folder: Path, pool: str) -> tuple[str, ...]:
    """The codes of a pool in the order of its file, each once; none where there is no file.

    Lines that are no code are left out; `code_mistakes` names them.
    """
    return _read(folder, pool)[0]


def code_mistakes(folder: Path, pool: str) -> list[str]:
    """A sentence for each line of a pool that is no code, without the code: it is worth money."""
    return _read(folder, pool)[1]


def _read(folder: Path, pool: str) -> tuple[tuple[str, ...], list[str]]:
    path = pool_file(folder, pool)
    codes, mistakes = dict[str, None](), list[str]()
    if not path.is_file():
        return (), mistakes
    try:
        lines = toml_files.read_text(path, bytes_max=BYTES_MAX).split("\n")
    except SettingsError as error:
        return (), [f"coupons/{error}"]
    for number, line in enumerate(lines, 1):
        code = line.strip()
        if not code or code.startswith("#"):
            continue
        if len(code) > LENGTH_MAX or not code.isprintable() or " " in code:
            mistakes.append(
                f"coupons/{path.name}, line {number}, is no code; expected one code a line, at most "
                f"{LENGTH_MAX} characters without blanks. The line is left out until it is "
                "corrected."
            )
        else:
            codes[code] = None
    return tuple(codes), mistakes


def add_codes(
    transaction: Transaction,
    pool: str,
    codes: Sequence[str],
    *,
    loaded_at: datetime,
    run_id: str,
) -> int:
    """Put codes into a pool; how many were new. One that is there stays as it is, given or not."""
    transaction.lock(f"coupons:{pool}")
    [(first,)] = transaction.execute(
        "SELECT coalesce(max(place), 0) FROM actions.coupons WHERE pool = :pool", pool=pool
    )
    return transaction.change(
        _ADD, pool=pool, first=first, codes=list(codes), loaded_at=loaded_at, run_id=run_id
    )


def codes_left(transaction: Transaction, pool: str) -> int:
    """How many codes of a pool nobody has got; 0: the action is not allowed today."""
    [(count,)] = transaction.execute(_LEFT, pool=pool)
    return int(count)


def is_set_up(transaction: Transaction, folder: Path, pool: str) -> bool:
    """Whether anybody ever put codes into a pool, or a file where they belong."""
    if pool_file(folder, pool).is_file():
        return True
    return bool(transaction.execute(_EVER, pool=pool))


def give_codes(
    transaction: Transaction,
    pool: str,
    requests: Mapping[str, str],
    *,
    as_of: date,
    given_at: datetime,
    run_id: str,
) -> dict[str, str]:
    """The code of each message, as far as there are any; kept only if the transaction is.

    A message that has a code keeps it, so a second call gives the same and takes no more. Two
    transactions at once get different codes, and neither waits for the other.

    Parameters
    ----------
    requests : mapping of str to str
        The customer of each `message_id`; the first ones are served first.

    Returns
    -------
    dict of str to str
        The code by `message_id`; who is not in it gets none.
    """
    if not requests:
        return {}
    messages = list(requests)
    transaction.change(
        _GIVE, pool=pool, count=len(messages), customers=list(requests.values()),
        messages=messages, as_of=as_of, given_at=given_at, run_id=run_id,
    )  # fmt: skip
    return dict(map(tuple, transaction.execute(_OF_MESSAGES, messages=messages)))


def take_back(transaction: Transaction, messages: Sequence[str], *, run_id: str) -> None:
    """Put the codes of messages that could not be written back into their pools.

    A code whose message is in the outbox stays given: it may have been read.
    """
    if messages:
        transaction.change(_TAKE_BACK, messages=list(messages), run_id=run_id)
