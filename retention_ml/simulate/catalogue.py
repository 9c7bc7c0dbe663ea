"""The products of a simulated shop."""

from dataclasses import dataclass

import numpy as np

from retention_ml.simulate.seasons import Floats, Integers

CATEGORIES = tuple(
    "kitchen garden toys stationery lighting textiles jewellery bathroom baking christmas".split()
)
_NOUNS = ("mug", "lantern", "box", "cushion", "notebook", "bowl", "frame", "bag", "clock", "jug")
_STYLES = ("red", "blue", "vintage", "wooden", "small", "large", "spotted", "striped", "glass")
_BRANDS = ("Hearth & Home", "Northlight", "Own label", "Petit Jardin", "Käthe")
PRODUCTS_PER_CATEGORY = 60
POPULARITY_EXPONENT = 1.0

POSTAGE_ID = "POST"
POSTAGE_CENTS = 495


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All products, one entry each; product `i` belongs to category `category_index[i]`."""

    product_id: list[str]
    name: list[str]
    subcategory: list[str]
    brand: list[str]
    category_index: Integers
    price_cents: Integers

    def __len__(self) -> int:
        return len(self.product_id)


def catalogue(rng: np.random.Generator) -> Catalogue:
    """The products, in the order of category and popularity."""
    count = len(CATEGORIES) * PRODUCTS_PER_CATEGORY
    noun = rng.integers(len(_NOUNS), size=count)
    style = rng.integers(len(_STYLES), size=count)
    brand = rng.integers(len(_BRANDS), size=count)
    size = rng.integers(3, 30, size=count)
    quoted = rng.random(count) < 0.1  # inches and commas, as real descriptions have them
    names = [
        f'{_NOUNS[n]}, {_STYLES[s]}, {z}"' if q else f"{_STYLES[s]} {_NOUNS[n]}"
        for n, s, z, q in zip(noun, style, size, quoted, strict=True)
    ]
    price = np.exp(rng.normal(1.8, 0.8, size=count)) * 100
    return Catalogue(
        product_id=[f"P{10_000 + number}" for number in range(count)],
        name=names,
        subcategory=[_NOUNS[n] for n in noun],
        brand=[_BRANDS[b] for b in brand],
        category_index=np.repeat(np.arange(len(CATEGORIES)), PRODUCTS_PER_CATEGORY),
        price_cents=np.clip(np.rint(price / 5) * 5, 50, 50_000).astype(np.int64),
    )


def drawn_products(rng: np.random.Generator, category: Integers) -> Integers:
    """A product of each category given, the popular ones more often, shape (n,)."""
    weight = 1 / np.arange(1, PRODUCTS_PER_CATEGORY + 1) ** POPULARITY_EXPONENT
    edges: Floats = np.cumsum(weight / weight.sum())
    rank = np.searchsorted(edges, rng.random(len(category)), side="right")
    return category * PRODUCTS_PER_CATEGORY + np.minimum(rank, PRODUCTS_PER_CATEGORY - 1)
