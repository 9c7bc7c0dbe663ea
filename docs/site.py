"""Makes the pages of the repository the pages of one site: what MkDocs calls while it builds.

Pages are written for readers of the repository. Here the four pages of its root join those of
`docs/`, links between pages stay links, and a link to a file of code becomes its name.
"""

import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
ROOT_PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "ARCHITECTURE.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "CHANGELOG.md": "CHANGELOG.md",
}
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#\s]+)(#[^)\s]*)?\)")
_FENCE = re.compile(r"^(```|~~~)")
_ITEM = re.compile(r"^([-*]|\d+\.) ")


def on_files(files: Files, config: Any) -> Files:
    """The files of `docs/`, and the pages of the root."""
    for name, page in ROOT_PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The text of a page with links as they are on the site."""
    source = page.file.src_uri
    names = {page: name for name, page in ROOT_PAGES.items()}
    place = names.get(source, f"docs/{source}")

    def link(match: re.Match[str]) -> str:
        text, target, anchor = match[1], match[2], match[3] or ""
        if "://" in target or target.startswith("mailto:"):
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(place), target))
        if (ROOT / path).is_dir() and (ROOT / path / "README.md").is_file():
            path = f"{path}/README.md"
        uri = ROOT_PAGES.get(path) or (path[5:] if path.startswith("docs/") else None)
        if uri is None:
            return f"{text} (`{path}`)" if (ROOT / path).exists() and path not in text else text
        return f"[{text}]({os.path.relpath(uri, posixpath.dirname(source) or '.')}{anchor})"

    return _with_lists(_LINK.sub(link, markdown))


def _with_lists(markdown: str) -> str:
    """The text with an empty line before each list, which GitHub does not need and MkDocs does."""
    lines: list[str] = []
    is_code = False
    for line in markdown.splitlines():
        is_code ^= bool(_FENCE.match(line))
        previous = lines[-1] if lines else ""
        if (
            not is_code
            and _ITEM.match(line)
            and previous.strip()
            and not _ITEM.match(previous)
            and not previous.startswith((" ", "|"))
        ):
            lines.append("")
        lines.append(line)
    return "\n".join(lines) + "\n"
