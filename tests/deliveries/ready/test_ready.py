"""Every ready description can be read, is tested on a sample, explained, documented and shipped."""

import tomllib

import pytest

from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.ready.copying import ready_sources
from retention_ml.deliveries.source_names import source_names
from retention_ml.settings import PROJECT
from tests.deliveries.ready.conftest import READY, SAMPLES

NAMES = {
    "amazon", "amplitude", "bigcommerce", "ebay", "ga4", "instacart", "magento", "magento_json",
    "mixpanel", "olist", "prestashop", "rees46", "segment", "shopify", "shopify_graphql",
    "shopify_json", "square", "stripe", "woocommerce", "woocommerce_analytics",
    "woocommerce_items", "woocommerce_json",
}  # fmt: skip
LINE_MAX = 104


def test_the_systems_are_those_that_are_promised() -> None:
    assert set(source_names(READY)) == NAMES
    assert {source.name for source in ready_sources()} == NAMES
    assert {path.name for path in SAMPLES.iterdir()} == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_ready_description_reads_its_sample_in_a_test(name: str) -> None:
    source = load_source(READY, name)
    lookups = {file for feed in source.feeds.values() for file in feed.lookup_files}
    files = sorted((SAMPLES / name).iterdir())
    strangers = [p.name for p in files if not source.matches(p) and p.name not in lookups]
    assert files
    assert not strangers, f"no feed of {name} reads {', '.join(strangers)}"
    unused = [
        n for n, feed in source.feeds.items() if not any(n in source.matches(p) for p in files)
    ]
    assert not unused, f"no file of the sample of {name} is read by {', '.join(unused)}"
    tests = [p for p in SAMPLES.parent.glob("test_*.py") if p.name != "test_ready.py"]
    text = "".join(path.read_text(encoding="utf-8") for path in tests)
    assert f'ingest_sample("{name}"' in text, f"no test ingests the sample of {name}"


@pytest.mark.parametrize("name", sorted(NAMES))
def test_what_differs_between_shops_is_explained(name: str) -> None:
    """A public data set has one time zone and one currency, and names its licence instead."""
    text = (READY / f"{name}.toml").read_text(encoding="utf-8")
    lines = text.splitlines()
    (timezone,) = [line for line in lines if line.startswith("timezone = ")]
    assert "#" in timezone or "licence" in tomllib.loads(text)
    assert max(map(len, lines)) <= LINE_MAX


def test_every_ready_description_is_documented() -> None:
    text = (PROJECT / "docs" / "sources.md").read_text(encoding="utf-8")
    missing = [name for name in sorted(NAMES) if f"| `{name}` |" not in text]
    assert not missing, f"the table in docs/sources.md lacks {', '.join(missing)}"


def test_ready_descriptions_are_shipped() -> None:
    """The wheel holds every file below retention_ml/ that git does not ignore."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(wheel) == {"packages"}
    assert "retention_ml" in wheel["packages"]
    assert "*.toml" not in (PROJECT / ".gitignore").read_text(encoding="utf-8").split()
    assert READY.parent.parent == PROJECT / "retention_ml"
