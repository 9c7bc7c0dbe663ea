"""The matrix of faults: what each row is, how often it is to be tried, and why it is tried less."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A fault, and its goal: how often it is to be tried, or what its tests count themselves."""

    fault: str
    goal: int | str


ROWS = {
    1: Row("kill -9 in ingestion, in every phase and at random", 200),
    2: Row("kill -9 in building features, training, scoring, publication", 50),
    3: Row("`kill -TERM`: a clean end within 10 s", 20),
    4: Row("a task wakes up after its retry has succeeded", 50),
    5: Row("the scheduler dies during a run", 10),
    6: Row("training with too little memory", "a clear error, the champion stays"),
    7: Row("the same step started by several at once", 50),
    8: Row("backfill and daily run, in any order", 20),
    9: Row("deliveries late and out of order", 100),
    10: Row("Postgres stopped at once and started again", 50),
    11: Row("a connection cut, in COMMIT too", 200),
    12: Row("a disk that is full", 30),
    13: Row("a lock that somebody else holds, a deadlock", "bounded waits"),
    14: Row("a network that is slow or silent", "the time-outs of the settings hold"),
    15: Row("a migration is killed", "the old schema or the new one"),
    16: Row("backup, restore, replay", "equal digests"),
    17: Row("bytes of any encoding, and of none", 10_000),
    18: Row("broken CSV", 10_000),
    19: Row("bombs, links, pipes, paths, empty files", "50 shapes, under 512 MB"),
    20: Row("numbers that are none", "the right reason for each"),
    21: Row("times that are impossible or ambiguous", "10,000 points in time"),
    22: Row("the same file, the same lines, the same order again", 1_000),
    23: Row("columns that come, go, change name, type or place", 60),
    24: Row("files cut off, or written while they are read", 100),
    25: Row("code in the registry", "20 payloads"),
    26: Row("a model swapped after its approval", "10 ways"),
    27: Row("hostile text of a model", 2_000),
    28: Row("a registry that is down or slow", "scoring goes on within 30 s"),
    29: Row("death between register, alias and decision", "one champion"),
    30: Row("a challenger that is worse, tied, hardly tested, of one outcome", "never promoted"),
    31: Row("an approval that is missing, refused, given twice", "no approval, no promotion"),
    32: Row("a look ahead", 500),
    33: Row(
        "features that are constant, empty, no numbers; nobody to score",
        "nothing wrong is published",
    ),
    34: Row("training twice", "equal digests"),
    35: Row("a feed that stops, features that drift", "found; at most 1 false alarm in 30 days"),
    36: Row("names and values that are SQL", 10_000),
    37: Row("cells that a spreadsheet would calculate", 10_000),
    38: Row("secrets and persons in logs, XCom, MLflow, alerts, pages", "0 places"),
    39: Row("rights beyond those of a role", "every role, object and verb"),
    40: Row("persons forgotten, then their old files again", "nothing of them anywhere"),
    41: Row("customers guessed from what is stored", 10_000_000),
    42: Row("an audit log that somebody changes", "100 of 100 noticed"),
    43: Row("hostile parameters of a run", "4xx, and no run"),
    44: Row("clocks that jump", 50),
}

# Rows that are tried less often than their goal, or in part: why.
BELOW = {
    5: "three deaths, of 10: each is a day through all of Airflow, and again; ten would take half an "
    "hour of the hour that all of it may take.",
    13: "a deadlock is not provoked: Postgres ends one of the two after a second, with an error that "
    "is told like any other of the database.",
    31: "what a person answers, or does not, is tried once each, not ten times: nothing in it is "
    "left to chance.",
    43: "a key that no DAG knows is taken by Airflow and read by nobody; such a run is made.",
}
