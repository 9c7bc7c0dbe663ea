"""How often a fault is tried: a few times by `make test`, as docs/faults.md says by `make chaos`.

`make chaos` sets RETENTION_CHAOS.
"""

import os

IS_FULL = bool(os.environ.get("RETENTION_CHAOS"))

# Fault: tries by `make test`, by `make chaos`.
COUNTS = {
    "kills in each phase of ingestion": (1, 10),
    "kills at random during ingestion": (4, 200),
    "terminations during ingestion": (2, 20),
    "restarts of the database during ingestion": (2, 50),
    "connections cut at a commit": (4, 200),
    "clocks": (4, 50),
    "zombies": (1, 50),
    "rounds of publishers at once": (2, 50),
    "orders of backfill and daily run": (2, 20),
    "files that change while they are read": (6, 100),
    "mutations of a schema": (60, 60),
    "names and values that are SQL": (300, 10_000),
    "cells for a spreadsheet": (500, 10_000),
    "hostile parameters of a run": (300, 5_000),
    "hostile requests for a run": (60, 300),
    "deaths of the scheduler": (1, 3),
    "trainings without memory": (1, 3),
    "kills of a migration at random": (2, 50),
    "rounds of two builders killed at random": (4, 50),
    "kills in sealing the archive": (4, 50),
    "kills of writers of the audit log": (4, 100),
    "kills in training": (1, 50),
    "kills in promotion": (1, 50),
    "kills in scoring": (1, 50),
    "kills in publication": (1, 50),
    "kills in making and publishing lists": (1, 50),
    "kills in making and publishing profiles": (1, 50),
    "kills in detecting abnormal customers": (1, 30),
    "kills in measuring lists and deciding rankers": (1, 20),
    "kills at random in a day of recommendations": (3, 50),
    "kills of dispatching workers": (4, 200),
    "amounts of room on a disk that fills up": (3, 30),
    "hostile model texts": (200, 2_000),
    "mutations of parquet files": (800, 20_000),
    "mutations of exports": (30, 1_000),
    "guesses of mutated exports": (30, 500),
    "mutations of descriptions": (60, 5_000),
    "files of quotes and line ends": (300, 10_000),
    "files of any bytes": (150, 10_000),
    "files cut into blocks anywhere": (60, 1_000),
    "rows of any text": (15, 500),
    "lists of up to 60 points in time": (15, 400),
    "orders of the same lines": (10, 1_000),
    "sequences of batches": (12, 100),
    "lives of orders": (6, 200),
    "orders split over files": (8, 200),
    "events that came later": (5, 100),
    "kills at random while persons are forgotten": (1, 50),
    "numbers that an attacker tries": (20_000, 10_000_000),
    "training samples without the future": (60, 500),
}


def count(fault: str) -> int:
    """How often to try a fault now."""
    return COUNTS[fault][IS_FULL]


def rounds(fault: str, places: int) -> range:
    """The rounds in which so many places together reach the count of a fault."""
    return range(-(-count(fault) // places))
