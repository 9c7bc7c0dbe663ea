"""Every speed measurement: `python -m benchmarks [NAME…]`, or every stage at size with `--size`.

The first runs each benchmark in a process and a home of its own; the second is `benchmarks.at_size`.
"""

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

from benchmarks import at_size
from benchmarks.large_shop import CACHE, MONTHS, days_of

NAMES = ("simulate", "ingest", "features", "scoring")


def main() -> int:
    """Run the named benchmarks one after the other, or all stages at size; 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--size", choices=at_size.SIZES, help="every stage, with so many customers")
    parser.add_argument(
        "--months", type=int, default=MONTHS, help="with --size: how long the shop's history is"
    )
    parser.add_argument("--json", type=Path, help="with --size: also write the stages to this file")
    parser.add_argument(
        "--cache",
        type=Path,
        default=CACHE,
        help="with --size: where the files of the shop are kept",
    )
    parser.add_argument("--repeats", type=int, default=1, help="with --size: medians of so many")
    options = parser.parse_args()
    names = options.names or NAMES
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        parser.error(f"{unknown[0]!r} is no benchmark; expected {', '.join(NAMES)}")
    print(
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f} before the start\n",
        flush=True,
    )
    if options.size:
        return _at_size(options)
    failed = [
        name
        for name in names
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode
    ]
    if failed:
        print(f"Failed: {', '.join(failed)}.")
    return 1 if failed else 0


def _at_size(options: argparse.Namespace) -> int:
    customers = at_size.SIZES[options.size]
    runs: list[list[at_size.Measured]] = []
    for _ in range(options.repeats):
        runs.append([])
        days = days_of(options.months)
        for one in at_size.measure(customers=customers, days=days, cache=options.cache):
            print(f"{one.stage}: {one.wall_s:.1f} s", flush=True)
            runs[-1].append(one)
            if options.json and options.repeats == 1:  # a stage that fails takes no other with it
                at_size.write(runs[-1], options.json)
    measured = at_size.medians(runs)
    title = f"A shop of {customers:,} customers over {options.months} months"
    at_size.show(measured, title)
    if options.json:
        at_size.write(measured, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
