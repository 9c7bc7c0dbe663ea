"""`docs/performance.md`: how costs grow with customers, history and cutoffs.

`python -m benchmarks.performance --sizes 5k 30k 100k --months 9 18 36` measures what is named, puts
the figures into `docs/performance/` and writes the page from all that lie there. Without arguments
it only writes the page.
"""

import argparse
import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.at_size import SIZES
from retention_ml.models.evaluation.figures.axes import (
    COLOURS,
    add_legend,
    label_axes,
    new_figure,
    png,
)
from retention_ml.settings import PROJECT

DOCUMENT = PROJECT / "docs" / "performance.md"
FIGURES = DOCUMENT.with_suffix("")
_DPI = 72
_DRAWN = ("ingest", "features", "train", "score", "publish", "profile", "recommend", "daily_run")

Row = Mapping[str, Any]


def main() -> None:
    """Measure what is asked for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="*", choices=SIZES, default=[])
    parser.add_argument("--months", nargs="*", type=int, default=[])
    parser.add_argument("--history-customers", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    FIGURES.mkdir(exist_ok=True)
    for size in options.sizes:
        repeats = str(options.repeats)
        _run(f"size_{size}", "benchmarks", "--size", size, "--repeats", repeats)
    if options.months:
        months = [str(one) for one in options.months]
        customers = str(options.history_customers)
        _run("history", "benchmarks.history", "--customers", customers, "--months", *months)
    write()


def _run(name: str, module: str, *arguments: str) -> None:
    """One measurement in a process of its own; its rows, and on which machine."""
    path = FIGURES / f"{name}.json"
    machine = {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }
    command = [sys.executable, "-m", module, *arguments, "--json", str(path)]
    subprocess.run(command, check=True, cwd=PROJECT)
    machine["load_after"] = round(os.getloadavg()[0], 1)
    rows = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1), encoding="utf-8")


def write() -> Path:
    """Write the page and its figures from the files that lie there; its path."""
    sizes = {size: rows for size in SIZES if (rows := _measured(f"size_{size}"))}
    history = _measured("history")
    parts = [
        "# Performance",
        "Written by `python -m benchmarks.performance` from measurements; which machine and how "
        "much else it had to do stands with each. What each stage is compared with is told in "
        "[benchmarks](benchmarks.md).",
    ]
    for size, measured in reversed(sizes.items()):
        parts += [f"## A shop of {SIZES[size]:,} customers", _about(measured), _stages(measured)]
    if len(sizes) > 1:
        _png("customers", _by_size(sizes))
        parts += [
            "## By the number of customers",
            "![Wall time by customers](performance/customers.png)",
            "The exponent is the slope of the line through the smallest and the largest size: at 1 "
            "twice the customers cost twice the time.",
            _growth(sizes),
        ]
    if sizes and len(_cutoffs(next(reversed(sizes.values())))) > 1:
        _png("cutoffs", _by_cutoffs(sizes))
        parts += [
            "## By the number of cutoffs",
            "![Samples by number of days](performance/cutoffs.png)",
            "Samples of about 20,000 customers on each day, as a training builds them.",
        ]
    if history:
        _png("history", _by_history(history["rows"]))
        parts += [
            "## By the length of the history",
            _about(history),
            "![A day by months of history](performance/history.png)",
            "CPU seconds of the day after, process and server:",
            _by_door(history["rows"]),
        ]
    DOCUMENT.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return DOCUMENT


def _measured(name: str) -> dict[str, Any] | None:
    path = FIGURES / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _about(measured: Mapping[str, Any]) -> str:
    machine = measured["machine"]
    return (
        f"{machine['cores']} cores, {machine['machine']}, Python {machine['python']}, "
        f"load {machine['load']} before the start, {machine['load_after']} at the end"
        f"{machine.get('between', '')}."
    )


def _stages(measured: Mapping[str, Any]) -> str:
    rows = [
        [
            f"`{row['stage']}`",
            f"{row['rows']:,}",
            f"{row['wall_s']:.1f}",
            f"{row['cpu_s']:.1f} ({row['server_cpu_s']:.1f})",
            f"{row['peak_mb']:,}",
            f"{row['rows'] / row['wall_s']:,.0f}",
            f"{row['peer']}: {row['peer_wall_s']:.1f} s" if row["peer"] else "–",
            "–" if row["ratio"] is None else f"{row['ratio']:.2f}",
        ]
        for row in measured["rows"]
    ]
    titles = "stage", "rows", "wall s", "CPU s (server)", "peak MB", "rows/s", "peer", "ratio"
    return _table(titles, rows)


def _growth(sizes: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for stage in dict.fromkeys(row["stage"] for row in _of_last(sizes)):
        walls = [_wall(measured, stage) for measured in sizes.values()]
        counts = [SIZES[size] for size in sizes]
        exponent = math.log(walls[-1] / walls[0]) / math.log(counts[-1] / counts[0])
        rows.append([f"`{stage}`", *(f"{wall:.1f}" for wall in walls), f"{exponent:.2f}"])
    return _table(("stage, wall s", *sizes, "exponent"), rows)


def _by_door(rows: Sequence[Row]) -> str:
    months = list(dict.fromkeys(row["months"] for row in rows))
    cpu = {(row["door"], row["months"]): row["cpu_s"] + row["server_cpu_s"] for row in rows}
    return _table(
        ("door", *(f"{each} months" for each in months)),
        [
            [f"`{door}`", *(f"{cpu[door, each]:.2f}" for each in months)]
            for door in dict.fromkeys(row["door"] for row in rows)
        ],
    )


def _by_size(sizes: Mapping[str, Mapping[str, Any]]) -> Any:
    figure, [axes] = new_figure(width=7.0)
    for stage, colour in zip(_DRAWN, COLOURS, strict=True):
        walls = [_wall(measured, stage) for measured in sizes.values()]
        axes.loglog([SIZES[size] for size in sizes], walls, "o-", color=colour, label=stage)
    label_axes(axes, "Wall time of the stages", "customers of the shop", "seconds")
    add_legend(axes, ncols=2)
    return figure


def _by_cutoffs(sizes: Mapping[str, Mapping[str, Any]]) -> Any:
    figure, panels = new_figure(2)
    for (size, measured), colour in zip(sizes.items(), COLOURS, strict=False):
        days = _cutoffs(measured)
        for axes, what in zip(panels, ("wall_s", "peak_mb"), strict=True):
            values = [row[what] for row in days.values()]
            axes.plot(list(days), values, "o-", color=colour, label=size)
    label_axes(panels[0], "Wall time", "days", "seconds")
    label_axes(panels[1], "Memory at most", "days", "MB")
    for axes in panels:
        axes.set_ylim(bottom=0)
        add_legend(axes)
    return figure


def _by_history(rows: Sequence[Row]) -> Any:
    figure, [axes] = new_figure(width=7.0)
    for door, colour in zip(dict.fromkeys(row["door"] for row in rows), COLOURS * 2, strict=False):
        same = [row for row in rows if row["door"] == door]
        seconds = [row["cpu_s"] + row["server_cpu_s"] for row in same]
        axes.plot([row["months"] for row in same], seconds, "o-", color=colour, label=door)
    label_axes(axes, "CPU of a day", "months of history", "seconds")
    axes.set_ylim(bottom=0)
    add_legend(axes, ncols=2)
    return figure


def _cutoffs(measured: Mapping[str, Any]) -> dict[int, Row]:
    """The rows of the samples by their number of days."""
    of_days = [row for row in measured["rows"] if row["stage"].startswith("samples_")]
    return {int(row["stage"].split("_")[1]): row for row in of_days}


def _of_last(sizes: Mapping[str, Mapping[str, Any]]) -> Sequence[Row]:
    rows: Sequence[Row] = next(reversed(sizes.values()))["rows"]
    return rows


def _wall(measured: Mapping[str, Any], stage: str) -> float:
    return float(next(row["wall_s"] for row in measured["rows"] if row["stage"] == stage))


def _png(name: str, figure: Any) -> None:
    (FIGURES / f"{name}.png").write_bytes(png(figure, _DPI))


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    alignment = ["---", *(["---:"] * (len(titles) - 1))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (titles, alignment, *rows))


if __name__ == "__main__":
    main()
