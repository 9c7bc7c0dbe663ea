"""Rows a second from file to curated, by door: `python benchmarks/ingest.py --source NAME FILE...`.

Makes an empty database on a Postgres of its own and a home of its own, and removes both.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

from retention_ml.curated.curate import curate
from retention_ml.deliveries.land import land
from retention_ml.deliveries.stage import stage
from retention_ml.quality.check import check
from retention_ml.settings import load
from retention_ml.stack.postgres import EmbeddedPostgres
from retention_ml.warehouse import Warehouse


def main() -> None:
    """Run the doors once and print seconds and rows a second as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", required=True)
    parser.add_argument("files", nargs="+", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres")
        server.start()
        warehouse = Warehouse(server.url())
        try:
            warehouse.migrate()
            settings = load({**os.environ, "RETENTION_HOME": f"{folder}/home"})
            seconds: dict[str, float] = {}
            started = time.perf_counter()
            landed = land(
                warehouse,
                settings=settings,
                source=arguments.source,
                files=arguments.files,
                history=True,
            )
            batch_id = landed.details["batch_id"]
            seconds["land"] = time.perf_counter() - started
            receipt = landed
            for door in (stage, check, curate):
                began = time.perf_counter()
                receipt = door(warehouse, settings=settings, batch_id=batch_id)
                seconds[door.__name__] = time.perf_counter() - began
            total = sum(seconds.values())
            reading = seconds["land"] + seconds["stage"]
            print(
                json.dumps(
                    {
                        "source": arguments.source,
                        "rows": receipt.read,
                        "seconds": {name: round(value, 2) for name, value in seconds.items()},
                        "rows_a_second_land_and_stage": round(receipt.read / reading),
                        "rows_a_second": round(receipt.read / total),
                        "receipt": receipt.to_dict(),
                    },
                    indent=2,
                )
            )
        finally:
            warehouse.close()
            server.stop("immediate")


if __name__ == "__main__":
    main()
