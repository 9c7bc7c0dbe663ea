"""What we stand on: a bill of materials of the lock, and which advisories there are about it.

`make audit` runs `python -m tests.house.audit TOOLS`, where TOOLS is the folder of programs of an
environment made from requirements-audit.txt.
"""

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.house.repository import ROOT

BUILD = ROOT / "build"
OUR_OWN = "retention-ml"
NAMED = 5


def verdict(report: Mapping[str, Any] | None, why: str = "") -> tuple[str, int]:
    """A sentence about a report of pip-audit, and the code to end with: 0, 1 or 2.

    pip-audit ends well and says "no known vulnerabilities" also of packages that the service of
    advisories does not know at all. Here only what was answered counts as audited.

    Parameters
    ----------
    report : mapping, optional
        As `pip-audit --format json` writes it; None where it wrote none.
    why : str
        Why there is none.

    Returns
    -------
    tuple of str and int
        1: there are advisories. 2: not, or not all, was audited.

    Examples
    --------
    >>> verdict(None, "the service does not answer")
    ('Not audited: the service does not answer.', 2)
    """
    if report is None:
        return f"Not audited: {why}.", 2
    packages = [one for one in report["dependencies"] if one["name"] != OUR_OWN]
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    audited = len(packages) - len(skipped)
    advisories = [
        f"{one['name']} {one['version']}: {fault['id']}, mended in "
        f"{', '.join(fault['fix_versions']) or 'no version'}"
        for one in packages
        for fault in one.get("vulns", ())
    ]
    lines = []
    if advisories:
        lines.append(
            f"{len(advisories)} advisories about what is installed:\n  " + "\n  ".join(advisories)
        )
    elif audited:
        lines.append(f"No advisory is known about the {audited} packages that were audited.")
    if skipped or not packages:
        named = ", ".join(skipped[:NAMED]) + (", …" if len(skipped) > NAMED else "")
        lines.append(
            f"Not audited: {len(skipped)} of {len(packages)} packages ({named}): the service of "
            "advisories does not know them. Run it where that service can be reached."
        )
    return "\n".join(lines), 1 if advisories else 2 if skipped or not packages else 0


def write_bill(tools: Path) -> str:
    """Write `build/sbom.json` (CycloneDX) from requirements.txt; a sentence about it."""
    BUILD.mkdir(exist_ok=True)
    bill = BUILD / "sbom.json"
    subprocess.run(
        [
            str(tools / "cyclonedx-py"), "requirements", "requirements.txt",
            "--pyproject", "pyproject.toml", "--output-reproducible", "--output-file", str(bill),
        ],
        cwd=ROOT, env=os.environ | {"PYTHONWARNINGS": "ignore"}, check=True,
    )  # fmt: skip
    written = json.loads(bill.read_text(encoding="utf-8"))
    return (
        f"{bill.relative_to(ROOT)} lists the {len(written['components'])} packages of "
        f"requirements.txt with their hashes (CycloneDX {written['specVersion']})."
    )


def ask(tools: Path) -> tuple[Mapping[str, Any] | None, str]:
    """What pip-audit reports about the packages that are installed here, or why it reports nothing."""
    report = BUILD / "audit.json"
    report.unlink(missing_ok=True)
    ended = subprocess.run(
        [
            str(tools / "pip-audit"), "--path", sysconfig.get_path("purelib"), "--format", "json",
            "--output", str(report), "--progress-spinner", "off",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if not report.exists():
        words = ended.stderr.strip().splitlines() or [f"pip-audit ended with {ended.returncode}"]
        return None, words[-1].rstrip(".")
    answer: Mapping[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return answer, ""


def main() -> int:
    """Write the bill, ask for advisories, say both."""
    tools = Path(sys.argv[1])
    print(write_bill(tools))
    sentence, code = verdict(*ask(tools))
    print(sentence)
    return code


if __name__ == "__main__":
    sys.exit(main())
