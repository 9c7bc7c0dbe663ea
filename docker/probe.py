"""Ends with 0 if a part is well: `probe.py URL`, or `probe.py URL PART` for one that only has a heartbeat.

By the URL itself, or by what Airflow says there about the part's last heartbeat, which has to be
younger than the container. A command of Airflow would cost seconds of a core every time.
"""

import json
import os
import sys
import time
import urllib.request
from datetime import datetime


def _started_at() -> float:
    """When process 1 began, in seconds since the epoch."""
    with open("/proc/1/stat", encoding="utf-8") as stat, open("/proc/uptime") as uptime:
        ticks = int(stat.read().rpartition(")")[2].split()[19])
        age = float(uptime.read().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")
    return time.time() - age


def main(url: str, part: str | None = None) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=8) as answer:
            state = json.load(answer)[part] if part else {}
    except (OSError, ValueError, KeyError) as error:
        sys.stdout.write(f"{url} does not say how it is: {error!r}\n")
        return 1
    if part is None:
        return 0
    beat = datetime.fromisoformat(state[f"latest_{part}_heartbeat"] or "1970-01-01T00:00:00+00:00")
    is_well = state["status"] == "healthy" and beat.timestamp() > _started_at()
    sys.stdout.write(f"{part}: {state['status']}, last heartbeat {beat.isoformat()}\n")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
