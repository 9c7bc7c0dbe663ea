"""The families of the platform's own: labels are those described, and the documents have them."""

import re

import pytest

from retention_ml.metrics.catalogue import CATALOGUE, family, single
from retention_ml.settings import PROJECT


def test_a_label_that_is_not_described_is_refused() -> None:
    with pytest.raises(ValueError, match="has the labels"):
        family("retention_alerts_open", [({"kind": "a", "customer_id": "c1"}, 1)])
    assert family("retention_alerts_open", []).samples == ()
    assert single("retention_look_seconds", None).samples == ()


def test_no_family_has_a_label_that_could_name_a_customer() -> None:
    labels = {label for each in CATALOGUE.values() for label in each.labels}
    assert labels == {
        "component", "stage", "outcome", "source", "status", "tier", "model", "version", "grade",
        "kind", "severity", "result",
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_a_family_is_named_as_prometheus_expects(name: str) -> None:
    assert re.fullmatch(r"retention(_[a-z]+)+", name)
    assert name.endswith("_total") == (CATALOGUE[name].kind == "counter")
    assert CATALOGUE[name].text.endswith(".")


def test_the_page_lists_every_family_with_its_labels() -> None:
    page = (PROJECT / "docs" / "metrics.md").read_text(encoding="utf-8")
    rows = {
        name: (tuple(re.findall(r"`(\w+)`", labels)), text.strip())
        for name, labels, text in re.findall(
            r"^\| `(retention_\w+)` \| (.*?) \| (.*?) \|$", page, re.M
        )
    }
    assert rows == {name: (each.labels, each.text) for name, each in CATALOGUE.items()}
