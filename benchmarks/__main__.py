"""Every speed measurement, each in a process and a home of its own: `python -m benchmarks [NAME…]`."""

import argparse
import os
import platform
import subprocess
import sys

NAMES = ("simulate", "ingest", "features", "scoring")


def main() -> int:
    """Run the named benchmarks one after the other; 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    names = parser.parse_args().names or NAMES
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        parser.error(f"{unknown[0]!r} is no benchmark; expected {', '.join(NAMES)}")
    print(
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f} before the start\n",
        flush=True,
    )
    failed = [
        name
        for name in names
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode
    ]
    if failed:
        print(f"Failed: {', '.join(failed)}.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
