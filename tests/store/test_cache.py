from store.cache import ENTRY_BYTES, LIFETIME_SECONDS, MessageCache


def test_a_message_is_found_until_two_lifetimes_are_over() -> None:
    cache = MessageCache(1_000_000)
    cache.put(("S", 1), b"one", 100.0)
    assert cache.get(("S", 1), 100.0 + LIFETIME_SECONDS) == b"one"
    assert cache.get(("S", 1), 100.0 + 2 * LIFETIME_SECONDS) is None
    assert (cache.hits, cache.misses, cache.size, len(cache)) == (1, 1, 0, 0)


def test_after_a_long_silence_nothing_old_is_found() -> None:
    cache = MessageCache(1_000_000)
    cache.put(("S", 1), b"one", 100.0)
    assert cache.get(("S", 1), 1000.0) is None


def test_sequences_of_two_streams_are_two_things() -> None:
    cache = MessageCache(1_000_000)
    cache.put(("S", 1), b"one", 0.0)
    assert cache.get(("T", 1), 0.0) is None


def test_the_bytes_never_pass_the_limit() -> None:
    limit = 10 * (ENTRY_BYTES + 100)
    cache = MessageCache(limit)
    for number in range(1000):
        cache.put(("S", number), b"x" * 100, 0.0)
        assert cache.size <= limit
    assert cache.get(("S", 999), 0.0) is not None
    assert cache.get(("S", 1), 0.0) is None


def test_a_message_over_half_the_limit_is_not_kept() -> None:
    cache = MessageCache(2000)
    cache.put(("S", 1), b"x" * 1500, 0.0)
    assert len(cache) == 0


def test_an_empty_message_is_kept_too() -> None:
    cache = MessageCache(2000)
    cache.put(("S", 1), b"", 0.0)
    assert cache.get(("S", 1), 0.0) == b""


def test_a_cleared_cache_is_empty() -> None:
    cache = MessageCache(2000)
    cache.put(("S", 1), b"x", 0.0)
    cache.clear()
    assert (cache.get(("S", 1), 0.0), cache.size) == (None, 0)
