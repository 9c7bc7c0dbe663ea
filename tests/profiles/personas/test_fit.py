"""Fits of personas: found again, frozen, named, continued; and where there is nothing to find."""

from typing import Any

import numpy as np
import pytest

from retention_ml.profiles.personas.clusters import Scale, nearest
from retention_ml.profiles.personas.fit import PersonaFit, fit_personas, what_is_missing
from retention_ml.profiles.personas.names import matched, name_of, traits_in_words
from retention_ml.statistics.arrays import Floats, Ints

#      silent, days, revenue, per day, interval, tenure, lately
KINDS = np.array(
    [
        [5.0, 40.0, 400_000.0, 10_000.0, 8.0, 400.0, 12.0],
        [30.0, 4.0, 80_000.0, 20_000.0, 45.0, 200.0, 1.0],
        [250.0, 1.0, 3_000.0, 3_000.0, 45.0, 250.0, 0.0],
    ]
)
NOBODY: tuple[Ints, Floats] = (np.zeros(0, dtype=np.int64), np.zeros((0, 7)))


def customers(seed: int = 1, each: int = 150, kinds: Floats = KINDS) -> tuple[Floats, Ints]:
    """Customers of three kinds with noise, and their kinds."""
    draw = np.random.default_rng(seed)
    kind = np.repeat(np.arange(len(kinds)), each)
    return kinds[kind] * np.exp(draw.normal(0, 0.25, (len(kind), 7))), kind


def fitted(traits: Floats, **more: Any) -> PersonaFit:
    return fit_personas(traits, NOBODY, **{"stability_min": 0.85, "change_max": 0.15, **more})


@pytest.fixture(scope="module")
def first() -> PersonaFit:
    return fitted(customers()[0])


def test_kinds_of_customers_are_found_whatever_they_are_called(first: PersonaFit) -> None:
    traits, kind = customers()
    place = first.assign(traits)
    assert len(first.personas) == 3
    assert first.tried[3].stability > 0.99
    for number in range(3):
        assert len(set(place[kind == number].tolist())) == 1
    assert [one.persona_id for one in first.personas] == [1, 2, 3]
    revenue = [traits[place == number, 2].sum() for number in range(3)]
    assert revenue == sorted(revenue, reverse=True)
    assert sum(one.customers_count for one in first.personas) == 450


def test_equal_customers_give_an_equal_digest_and_a_name_is_part_of_it(first: PersonaFit) -> None:
    assert fitted(customers()[0]).digest == first.digest
    assert fitted(customers(seed=2)[0]).digest != first.digest


def test_names_say_what_distinguishes(first: PersonaFit) -> None:
    names = [one.name for one in first.personas]
    assert len(set(names)) == 3
    assert {"frequent", "busy lately"} & set(first.personas[0].traits.split(", "))
    assert {"silent", "few orders", "small-spending", "small baskets"} & set(names[2].split(", "))


def test_one_huge_order_moves_no_centroid(first: PersonaFit) -> None:
    traits, _ = customers()
    whale = traits.copy()
    whale[0, 2:4] = 9e15
    moved = fitted(whale)
    assert np.abs(moved.centres - first.centres).max() < 0.05
    assert np.abs(moved.scale.points(whale)).max() < 4
    # Negative control: without winsorising, one customer would lie far outside.
    logs = np.log1p(whale)
    assert np.abs((logs - logs.mean(axis=0)) / logs.std(axis=0)).max() > 8


def test_a_later_fit_continues_number_and_name_though_its_centroids_differ(
    first: PersonaFit,
) -> None:
    later = customers(seed=9, kinds=KINDS * np.array([1.2, 1.1, 1.3, 1.1, 1.0, 1.2, 0.9]))[0]
    fit = fitted(later, previous=first, next_id=4)
    names = {one.persona_id: one.name for one in first.personas}
    assert {one.persona_id: one.name for one in fit.personas} == names
    assert all((one.overlap or 0) > 0.25 for one in fit.personas)
    assert fit.digest != first.digest


def test_a_kind_that_is_new_has_a_new_number_and_name(first: PersonaFit) -> None:
    more = np.vstack([KINDS, [[3.0, 2.0, 900_000.0, 450_000.0, 45.0, 20.0, 2.0]]])
    fit = fitted(customers(kinds=more)[0], previous=first, next_id=4)
    assert len(fit.personas) == 4
    new = [one for one in fit.personas if one.overlap is None]
    assert [one.persona_id for one in new] == [4]
    assert len({one.name for one in fit.personas}) == 4


def test_noise_without_kinds_has_no_personas_and_says_why() -> None:
    draw = np.random.default_rng(3)
    fit = fitted(np.exp(draw.normal(3, 0.5, (600, 7))))
    assert fit.personas == ()
    assert fit.centres.shape == (0, 7)
    assert "no number of them is stable: the adjusted Rand index" in (fit.why_none or "")


def test_customers_who_are_all_alike_or_few_have_no_personas() -> None:
    alike = fitted(np.tile([1.0, 1.0, 1000.0, 1000.0, 90.0, 1.0, 1.0], (500, 1)))
    assert "of 500 customers with an order 0 of 7 traits vary" in (alike.why_none or "")
    assert "of 30 customers" in (fitted(customers(each=10)[0]).why_none or "")
    assert "of 0 customers" in (fitted(np.zeros((0, 7))).why_none or "")


def test_a_number_that_the_shop_asked_for_is_taken(first: PersonaFit) -> None:
    assert len(fitted(customers()[0], count=5).personas) == 5


def test_a_number_for_which_customers_are_too_alike_is_not_called_unstable() -> None:
    few = np.repeat(customers(each=10)[0], 10, axis=0)
    fit = fitted(few, count=5)
    assert fit.tried == {}
    assert fit.why_none == "of 300 customers 30 differed from each other; 5 personas need 50"
    assert what_is_missing(few, 5) == fit.why_none
    assert what_is_missing(few) is None


def test_a_name_that_a_persona_once_had_is_not_given_to_another(first: PersonaFit) -> None:
    names = {one.name for one in first.personas}
    again = fitted(customers()[0], next_id=4, used_names=names)
    assert [one.persona_id for one in again.personas] == [4, 5, 6]
    assert not names & {one.name for one in again.personas}
    # Continued, a persona keeps its name, used as it is.
    continued = fitted(customers()[0], previous=first, next_id=4, used_names=names)
    assert {one.name for one in continued.personas} == names


def test_a_number_in_which_customers_move_is_not_taken_where_another_is_steady() -> None:
    """A month ago every customer of the first kind was at the other end: three kinds move."""
    traits, kind = customers()
    then = np.where((kind == 0)[:, None], traits[::-1], traits)
    month_ago = (np.arange(len(traits)), then)
    fit = fit_personas(traits, month_ago, stability_min=0.5, change_max=0.5)
    assert fit.tried[3].change == pytest.approx(1 / 3, abs=0.02)
    unmoved = fit_personas(traits, (month_ago[0], traits), stability_min=0.5, change_max=0.5)
    assert all(one.change == 0 for one in unmoved.tried.values())


def test_assignment_is_to_the_nearest_in_any_number_of_chunks() -> None:
    draw = np.random.default_rng(1)
    points, centres = draw.normal(size=(45_000, 7)), draw.normal(size=(4, 7))
    single = [int(np.argmin(((point - centres) ** 2).sum(axis=1))) for point in points[::500]]
    assert nearest(points, centres)[::500].tolist() == single


def test_a_trait_that_does_not_vary_does_not_count() -> None:
    traits = customers()[0]
    traits[:, 4] = 45.0
    assert Scale.of(traits).points(traits)[:, 4].tolist() == [0.0] * len(traits)


def test_names_are_not_used_twice() -> None:
    words = traits_in_words(np.array([1.5, -1.2, -1.0, 0.0, 0.1, 0.0, -0.9]))
    assert words[:2] == ["silent", "few orders"]
    used: set[str] = set()
    for _ in range(12):
        used.add(name_of(words, used))
    assert len(used) == 12


def test_clusters_that_share_few_customers_are_not_the_same() -> None:
    before, now = np.repeat([0, 1], 50), np.tile([0, 1, 2, 3, 4], 20)
    assert matched(before, now, (2, 5)) == [None] * 5
