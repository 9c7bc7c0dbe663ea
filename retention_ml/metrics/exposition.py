"""The text that Prometheus reads.

References
----------
Prometheus, Exposition formats, text format version 0.0.4.
"""

import math
from collections.abc import Iterable

from retention_ml.metrics.families import Family, Labels

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def render(families: Iterable[Family]) -> str:
    r"""One text of all families that have samples.

    Examples
    --------
    >>> from retention_ml.metrics.families import Sample
    >>> rows = (Sample(labels=(("stage", 'a "b"'),), value=3),)
    >>> print(render([Family(name="rows_total", kind="counter", text="Rows.", samples=rows)]), end="")
    # HELP rows_total Rows.
    # TYPE rows_total counter
    rows_total{stage="a \"b\""} 3
    """
    lines: list[str] = []
    for family in families:
        if not family.samples:
            continue
        lines.append(f"# HELP {family.name} {_escape(family.text)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        lines += [
            f"{family.name}{sample.suffix}{_labels(sample.labels)} {_number(sample.value)}"
            for sample in family.samples
        ]
    return "".join(f"{line}\n" for line in lines)


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_escape(value, quote=True)}"' for name, value in labels)
    return f"{{{','.join(pairs)}}}"


def _escape(text: str, *, quote: bool = False) -> str:
    escaped = text.replace("\\", r"\\").replace("\n", r"\n")
    return escaped.replace('"', r"\"") if quote else escaped


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))
