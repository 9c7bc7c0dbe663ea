"""How long a simulated shop takes: 100,000 customers over a year should need under a minute.

`python -m benchmarks.simulate [--customers N] [--days N] [--seed N]`
"""

import argparse
import resource
import tempfile
from pathlib import Path

from benchmarks.lines import Line, show
from retention_ml.simulate import simulate


def main() -> None:
    """Simulate once into a temporary folder and print the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    measure(customers=options.customers, days=options.days, seed=options.seed)


def measure(*, customers: int = 100_000, days: int = 365, seed: int = 1) -> list[Line]:
    """Simulate once; print and return the line."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "shop"
        summary = simulate(customers=customers, days=days, seed=seed, out=out)
        written = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    lines = [Line(what="simulate", rows=summary["rows"], seconds=summary["seconds"])]
    show(
        f"Simulation of {customers:,} customers over {days} days",
        lines,
        f"{written / 1e6:.0f} MB of files; at most {memory:,} MB of memory.",
    )
    return lines


if __name__ == "__main__":
    main()
