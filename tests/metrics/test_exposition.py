"""The text that Prometheus reads, by a reader that was written apart from it, and by promtool."""

import re
import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from retention_ml.metrics.exposition import render
from retention_ml.metrics.families import Family, Sample

_LINE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
_PAIR = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def _read(text: str) -> list[tuple[str, dict[str, str], float]]:
    """The samples of a text, by the grammar of the format."""
    rows = []
    for line in text.split("\n")[:-1]:
        if line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        assert match, line
        labels = {
            name: re.sub(r"\\(.)", lambda sign: "\n" if sign[1] == "n" else sign[1], value)
            for name, value in _PAIR.findall(match[2] or "")
        }
        rows.append((match[1], labels, float(match[3])))
    return rows


def _family(*samples: Sample) -> Family:
    return Family(name="rows_total", kind="counter", text="A\\B\nC.", samples=samples)


@given(st.text(), st.floats(allow_nan=False))
def test_every_label_and_value_is_read_as_it_was_written(label: str, value: float) -> None:
    text = render([_family(Sample(labels=(("stage", label),), value=value))])
    assert text.startswith("# HELP rows_total A\\\\B\\nC.\n# TYPE rows_total counter\n")
    assert _read(text) == [("rows_total", {"stage": label}, value)]


def test_a_number_that_is_none_is_written_as_the_format_says() -> None:
    values = (float("nan"), float("inf"), float("-inf"), 2.0, 0.25, 1e300)
    text = render([_family(*(Sample(value=value) for value in values))])
    written = [line.split(" ")[1] for line in text.splitlines() if not line.startswith("#")]
    assert written == ["NaN", "+Inf", "-Inf", "2", "0.25", "1e+300"]


def test_a_family_without_samples_is_not_mentioned() -> None:
    assert render([_family()]) == ""


def test_promtool_finds_nothing_to_say_and_would(promtool: Path) -> None:
    def check(text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )

    evil = Sample(labels=(("stage", 'a"b\\c\nd'),), value=1)
    done = check(render([_family(evil)]))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert check('# TYPE rows counter\nrows{stage="a"b"} 1\n').returncode != 0
