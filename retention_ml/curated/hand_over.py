"""The door that lets a day go on after its deliveries, and says which feeds it lacks."""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.ledger.files import (
    FileState,
    IncompleteFeed,
    files_of_run,
    incomplete_feeds,
)
from retention_ml.errors import FileRefused
from retention_ml.quality import report
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def hand_over(warehouse: Warehouse, *, settings: Settings, as_of: date) -> DecisionReceipt:
    """Let the day go on to features and scores, unless a required feed came in vain.

    What came is what the run `settings.run_id` has landed; a day goes on without any.

    Returns
    -------
    DecisionReceipt
        The sentence names the feeds that are incomplete now, whenever their files came;
        `details["incomplete"]` has source, feed, since and files of each.

    Raises
    ------
    FileRefused
        Files of a required feed came, none of them can be used, and their rows are still missing.
    """
    started = time.perf_counter()
    with warehouse.transaction() as transaction:
        files = files_of_run(transaction, settings.run_id)
        incomplete = incomplete_feeds(transaction)
    if any(file.status == "refused" for file in files):
        report.write_index(warehouse, settings=settings)
    if missing := _required_in_vain(settings, files):
        raise FileRefused(
            f"{as_of} was not handed over. {' '.join(missing)} The scores published before stay "
            "up, and the next run goes on. Deliver corrected files: they count from the day "
            f"after. To publish {as_of} without them, start build_features for it."
        )
    return warehouse.record(
        DecisionReceipt(
            door="hand_over",
            as_of=as_of,
            sentence=_sentence(as_of, incomplete),
            seconds=time.perf_counter() - started,
            details={
                "incomplete": [
                    {
                        "source": one.source,
                        "feed": one.feed,
                        "since": one.since.isoformat(),
                        "files": list(one.files),
                    }
                    for one in incomplete
                ]
            },
        ),
        settings.run_id,
    )


def _required_in_vain(settings: Settings, files: Iterable[FileState]) -> list[str]:
    """A sentence for each required feed that lacks rows and none of whose files can be used."""
    by_feed: dict[tuple[str, str], list[FileState]] = defaultdict(list)
    for file in files:
        by_feed[file.source, file.feed].append(file)
    missing = {
        key: [state for state in states if state.is_missing] for key, states in by_feed.items()
    }
    return [
        f"{source}.{feed} is required, and of its {len(states)} file(s) none can be used: "
        f"{missing[source, feed][0].reason}"
        for (source, feed), states in by_feed.items()
        if missing[source, feed]
        and not any(state.is_usable for state in states)
        and load_source(settings.sources, source).is_required(feed)
    ]


def _sentence(as_of: date, incomplete: Sequence[IncompleteFeed]) -> str:
    if not incomplete:
        return f"{as_of} goes on; no feed is incomplete."
    names = "; ".join(
        f"{one.source}.{one.feed} since {one.since:%Y-%m-%d %H:%M} UTC ({', '.join(one.files)})"
        for one in incomplete
    )
    return f"{as_of} goes on, incomplete: {names}. `retention status` says why."
