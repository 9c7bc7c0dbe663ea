"""The colours: enough contrast, told apart by colour-blind people, in light and dark."""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from retention_ml import pages

STYLE = Path(pages.__file__).parent.joinpath("style.css").read_text("utf-8")
SCHEMES = ("light", "dark")
TIERS = ("good", "neutral", "attention", "critical")
# Machado, Oliveira and Fernandes (2009), severity 1: linear RGB as each kind of sight gets it.
SIGHTS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def _colour(name: str, scheme: str) -> np.ndarray:
    """Linear RGB of a colour of the style."""
    match = re.search(rf"--{name}: light-dark\(#(\w+), #(\w+)\)", STYLE)
    assert match, f"The style has no colour {name}."
    digits = match[1 + SCHEMES.index(scheme)]
    digits = "".join(2 * sign for sign in digits) if len(digits) == 3 else digits
    parts = np.array([int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def _contrast(one: np.ndarray, other: np.ndarray) -> float:
    """By WCAG 2.1."""
    low, high = sorted(
        float(np.array([0.2126, 0.7152, 0.0722]) @ colour) for colour in (one, other)
    )
    return (high + 0.05) / (low + 0.05)


def _lab(colour: np.ndarray) -> np.ndarray:
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = to_xyz @ np.clip(colour, 0, 1) / np.array([0.9505, 1, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_can_be_read(scheme: str) -> None:
    texts = ("ink", "soft", "good-text", "attention-text", "critical-text", "neutral-text")
    for ground in ("card", "page"):
        for text in texts:
            assert _contrast(_colour(text, scheme), _colour(ground, scheme)) >= 4.5, (text, ground)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_bars_and_lines_stand_out_from_their_card(scheme: str) -> None:
    for name in (*TIERS, "series"):
        assert _contrast(_colour(name, scheme), _colour("card", scheme)) >= 3, name


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("sight", SIGHTS)
def test_tiers_are_told_apart_by_every_kind_of_sight(scheme: str, sight: str) -> None:
    labs = {name: _lab(SIGHTS[sight] @ _colour(name, scheme)) for name in TIERS}
    for one, other in combinations(TIERS, 2):
        assert np.linalg.norm(labs[one] - labs[other]) >= 15, (one, other)


def test_red_and_green_of_equal_lightness_would_not_pass() -> None:
    def distance(sight: str) -> float:
        red, green = np.array([0.45, 0.03, 0.03]), np.array([0.12, 0.19, 0.03])
        return float(np.linalg.norm(_lab(SIGHTS[sight] @ red) - _lab(SIGHTS[sight] @ green)))

    assert distance("deuteranopia") < 15 < distance("normal")
