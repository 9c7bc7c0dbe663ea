"""How long a simulated shop takes: 100,000 customers over a year should need under a minute.

.venv/bin/python benchmarks/simulate.py [--customers N] [--days N]
"""

import argparse
import json
import os
import resource
import tempfile
from pathlib import Path

from retention_ml.simulate import simulate


def main() -> None:
    """Simulate once into a temporary folder and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "shop"
        summary = simulate(
            customers=options.customers, days=options.days, seed=options.seed, out=out
        )
        written = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(
        json.dumps(
            {
                "customers": summary["customers"],
                "days": options.days,
                "rows": summary["rows"],
                "megabytes": round(written / 1e6),
                "seconds": round(summary["seconds"], 1),
                "rows_per_second": round(summary["rows"] / summary["seconds"]),
                "peak_memory_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                "cores": os.cpu_count(),
            }
        )
    )


if __name__ == "__main__":
    main()
