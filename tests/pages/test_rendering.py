"""One set-up for every HTML page."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from jinja2 import Environment, UndefinedError

from retention_ml import pages

LIBRARY = Path(pages.__file__).parent.parent


@pytest.fixture
def environment() -> Environment:
    return pages.environment("retention_ml.quality", shout=str.upper)


def test_what_people_wrote_is_escaped(environment: Environment) -> None:
    page = environment.from_string("{{ text|shout }}").render(text="<script>")
    assert page == "&lt;SCRIPT&gt;"


def test_an_unknown_name_is_an_error(environment: Environment) -> None:
    with pytest.raises(UndefinedError, match="'rows' is undefined"):
        environment.from_string("{{ rows }}").render()


def test_counts_and_moments_have_a_dash_where_there_is_none(environment: Environment) -> None:
    template = environment.from_string("{{ count|count }}, {{ at|moment }}")
    at = datetime(2025, 3, 1, 6, 30, 59, tzinfo=UTC)
    assert template.render(count=1_234, at=at) == "1,234, 2025-03-01 06:30 UTC"
    assert template.render(count=None, at=None) == "–, –"


def test_a_moment_of_another_time_zone_is_converted() -> None:
    at = datetime(2025, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=5)))
    assert pages.moment(at) == "2025-02-28 20:30 UTC"


def test_every_template_uses_the_shared_style() -> None:
    templates = sorted(LIBRARY.rglob("pages/*.html.jinja"))
    assert [path.name for path in templates] == [
        "report.html.jinja",
        "training.html.jinja",
        "experiment.html.jinja",
        "comparison.html.jinja",
        "batch.html.jinja",
        "index.html.jinja",
    ]
    assert [path for path in templates if "{{ style|safe }}" not in path.read_text("utf-8")] == []


def test_the_style_asks_nothing_of_a_network(environment: Environment) -> None:
    style = str(environment.globals["style"])
    assert "--card" in style
    assert not any(word in style for word in ("http", "url(", "@import"))


def test_a_picture_stands_inside_the_page() -> None:
    assert pages.inline_png(b"\x89PNG") == "data:image/png;base64,iVBORw=="
