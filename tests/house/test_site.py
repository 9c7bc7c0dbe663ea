"""The site of the documents: every page is in its navigation, and links lead somewhere."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.house.repository import ROOT, files, name, reject

DOCS = ROOT / "docs"
ROOT_PAGES = {"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"}
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.MULTILINE)
_FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_INLINE_CODE = re.compile(r"`[^`\n]*`")


def _pages() -> tuple[Path, ...]:
    """Every page for readers: those of docs/ and of the root."""
    pages = tuple(
        path
        for path in files()
        if path.suffix == ".md" and (path.is_relative_to(DOCS) or name(path) in ROOT_PAGES)
    )
    assert len(pages) > 60
    return pages


def _configuration() -> dict[str, Any]:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    configuration = yaml.load(text, Loader=yaml.BaseLoader)
    assert isinstance(configuration, dict)
    return configuration


def _listed(navigation: Any) -> Iterator[str]:
    for entry in navigation:
        for page in entry.values() if isinstance(entry, dict) else [entry]:
            if isinstance(page, list):
                yield from _listed(page)
            else:
                yield page


def test_every_page_is_in_the_navigation() -> None:
    listed = list(_listed(_configuration()["nav"]))
    assert len(listed) == len(set(listed)), "A page is listed twice in mkdocs.yml."
    expected = {"index.md"} | (ROOT_PAGES - {"README.md"})
    expected |= {path.relative_to(DOCS).as_posix() for path in _pages() if DOCS in path.parents}
    # tests/house/test_decisions.py asks that their index lists them.
    expected -= {path for path in expected if re.match(r"decisions/\d", path)}
    reject(
        [f"  add {page}" for page in sorted(expected - set(listed))]
        + [f"  remove {page}" for page in sorted(set(listed) - expected)],
        "The navigation in mkdocs.yml and the pages differ:",
    )


def test_nothing_of_the_site_comes_from_another_host() -> None:
    configuration = _configuration()
    assert configuration["theme"]["font"] == "false"
    assert configuration["extra"]["generator"] == "false"
    assert configuration["plugins"] == ["search"]
    assert not {"extra_css", "extra_javascript", "repo_url"} & configuration.keys()


def _slug(heading: str) -> str:
    """What GitHub, and the site, call a heading in an address."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


@cache
def _anchors(path: Path) -> set[str]:
    text = _FENCED.sub("", path.read_text(encoding="utf-8"))
    return {_slug(heading) for heading in _HEADING.findall(text)}


def _broken(path: Path) -> Iterator[str]:
    text = _INLINE_CODE.sub("", _FENCED.sub("", path.read_text(encoding="utf-8")))
    for target in _LINK.findall(text):
        if "://" in target or target.startswith("mailto:"):
            continue
        place, _, anchor = target.partition("#")
        leads_to = (path.parent / place).resolve() if place else path
        if not leads_to.exists():
            yield f"{target}: there is no such file"
        elif anchor and leads_to.suffix == ".md" and anchor not in _anchors(leads_to):
            yield f"{target}: the page has no such heading"


def test_every_link_leads_somewhere() -> None:
    links = sum(len(_LINK.findall(path.read_text(encoding="utf-8"))) for path in _pages())
    assert links > 200, "Few links were found; this test looks at the wrong pages."
    reject(
        [f"  {name(path)}: {broken}" for path in _pages() for broken in _broken(path)],
        "Correct these links:",
    )


def test_the_detector_finds_broken_links(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A `b` c, d\n[right](page.md#a-b-c-d) [self](#a-b-c-d) [no](none.md) [no](#e)\n"
        "```\n[code](none.md)\n```\n`[code](none.md)`\n",
        encoding="utf-8",
    )
    assert list(_broken(page)) == [
        "none.md: there is no such file",
        "#e: the page has no such heading",
    ]
