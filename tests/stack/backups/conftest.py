"""One platform for the tests of this folder; each takes backups of its own."""

from collections.abc import Iterator

import pytest

from tests.worlds.small_platform import SmallPlatform, small_platform


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallPlatform]:
    with small_platform(tmp_path_factory.mktemp("platform")) as made:
        yield made
