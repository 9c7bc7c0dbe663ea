"""What no file of the repository may say: places of one machine, addresses, secrets."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.house.repository import ROOT, files, name, reject

# Written in pieces, so that this file does not find itself.
_MACHINE = re.compile(
    "(?<![\\w.])("
    + "|".join(["/wor" + "k/", "/roo" + "t/", "/hom" + "e/", "/User" + "s/", "/tm" + "p/"])
    + ")"
)
_URL = re.compile(r"\bhttps?:" + r"//([A-Za-z0-9][A-Za-z0-9.-]*)")
_REGISTRY = re.compile(
    "|".join(
        re.escape(first + second)
        for first, second in (
            ("pypi", ".org"),
            ("python", "hosted"),
            ("docker", ".io"),
            ("ghcr", ".io"),
            ("quay", ".io"),
            ("--index", "-url"),
            ("anaconda", ".org"),
        )
    )
)
# Ourselves, name spaces, and names that never resolve; a host without a dot is a neighbour.
_ALLOWED_HOSTS = {"127.0.0.1", "0.0.0.0", "www.w3.org", "schemas.openxmlformats.org"}
_NOBODY = (".invalid", ".test", ".example", "example.com", "example.org")
# Files of others, shipped as they are: they name their licence.
_VENDORED = ROOT / "retention_ml" / "pages" / "assets"
_KEY = re.compile(
    "-----BEGIN [A-Z ]*PRIVATE " + r"KEY-----|\bAKIA[0-9A-Z]{16}\b|\bghp_[A-Za-z0-9]{36}\b"
    r"|password['\"]?[:=] *['\"]?[0-9a-f]{24}|://\w+:[0-9a-f]{24}"
)


def _lines() -> Iterator[tuple[Path, int, str]]:
    read = 0
    for path in files():
        if path.is_relative_to(_VENDORED) and path.name.startswith("echarts."):
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        read += 1
        for number, line in enumerate(text.splitlines(), 1):
            yield path, number, line
    assert read > 50, "Fewer than 50 text files were found; this test looks in the wrong place."


def _is_foreign(host: str) -> bool:
    return "." in host and host not in _ALLOWED_HOSTS and not host.endswith(_NOBODY)


def test_no_file_names_a_place_on_one_machine() -> None:
    reject(
        [
            f"  {name(p)}:{n} {line.strip()[:120]}"
            for p, n, line in _lines()
            if _MACHINE.search(line)
        ],
        "Paths come from __file__ or from a setting, never from one machine:",
    )


def test_no_file_names_a_registry_or_a_foreign_address() -> None:
    reject(
        [
            f"  {name(p)}:{n} {line.strip()[:120]}"
            for p, n, line in _lines()
            if _REGISTRY.search(line) or any(_is_foreign(host) for host in _URL.findall(line))
        ],
        "Name the work, the package or the setting instead of an address:",
    )


def test_no_file_holds_a_key() -> None:
    reject(
        [f"  {name(p)}:{n}" for p, n, line in _lines() if _KEY.search(line)],
        "Secrets come from the environment. Remove the key and have it revoked:",
    )


def test_the_detectors_find_what_they_look_for() -> None:
    assert _MACHINE.search("open('/hom" + "e/ann/x.csv')")
    assert not _MACHINE.search("docs/hom" + "e/page.md")
    assert _URL.findall("see http" + "s://shop.de/a and http" + "://127.0.0.1:80") == [
        "shop.de",
        "127.0.0.1",
    ]
    assert _is_foreign("shop.de")
    assert not _is_foreign("127.0.0.1")
    assert not _is_foreign("mlflow")
    assert not _is_foreign("shop.invalid")
