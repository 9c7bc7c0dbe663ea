"""Who asks for more than a bucket holds is told when to come again."""

from retention_ml.live.api.rate_limits import RateLimits


def test_ten_seconds_worth_goes_at_once_and_the_rest_as_it_fills() -> None:
    limits = RateLimits(per_second=2.0)
    assert [limits.take("a", 5, at=0.0) for _ in range(4)] == [0, 0, 0, 0]
    assert limits.take("a", 5, at=0.0) == 3
    assert limits.take("b", 5, at=0.0) == 0
    assert limits.take("a", 5, at=3.0) == 0


def test_in_the_long_run_it_is_the_rate_that_is_let_through() -> None:
    limits = RateLimits(per_second=3.0)
    total = sum(4 for tick in range(4_000) if limits.take("a", 4, at=tick / 10) == 0)
    assert 3.0 * 400 <= total <= 3.0 * 410 + 4


def test_more_than_a_bucket_holds_goes_once_and_is_owed() -> None:
    limits = RateLimits(per_second=1.0)
    assert limits.take("a", 30, at=0.0) == 0
    assert limits.take("a", 1, at=0.0) == 21
    assert limits.take("a", 1, at=21.0) == 0


def test_whoever_ignores_the_number_would_get_all(monkeypatch: object) -> None:
    """Negative control: without the level nobody would ever be refused."""
    limits = RateLimits(per_second=1.0)
    results = []
    for _ in range(100):
        results.append(limits.take("a", 1, at=0.0))
        limits._levels.clear()
    assert set(results) == {0}
