from store.cache import CAME_BYTES, HOLD_SECONDS, READ_BYTES, MessageCache

LIFETIME = 30.0
MOST = 2**64 - 1


def cache_of(most_bytes: int = 1_000_000) -> MessageCache:
    return MessageCache(most_bytes, LIFETIME)


def test_a_message_is_found_until_two_lifetimes_are_over() -> None:
    cache = cache_of()
    cache.put(("S", 1), b"one", 100.0)
    cache.append(("S", 2), b"two", 100.0)
    assert cache.get(("S", 1), 100.0 + LIFETIME) == b"one"
    assert cache.get(("S", 2), 100.0 + LIFETIME) == b"two"
    assert cache.get(("S", 1), 100.0 + 2 * LIFETIME) is None
    assert cache.get(("S", 2), 100.0 + 2 * LIFETIME) is None
    assert (cache.hits, cache.misses, cache.size) == (2, 2, 0)


def test_after_a_long_silence_nothing_old_is_found() -> None:
    cache = cache_of()
    cache.put(("S", 1), b"one", 100.0)
    assert cache.get(("S", 1), 1000.0) is None


def test_sequences_of_two_streams_are_two_things() -> None:
    cache = cache_of()
    cache.put(("S", 1), b"one", 0.0)
    cache.append(("S", 2), b"two", 0.0)
    assert cache.get(("T", 1), 0.0) is cache.get(("T", 2), 0.0) is None


def test_what_comes_is_found_and_what_did_not_come_is_not() -> None:
    cache = cache_of()
    for sequence in (10, 11, 15):
        cache.append(("S", sequence), b"%d" % sequence, 0.0)
    found = [cache.get(("S", sequence), 0.0) for sequence in (9, 10, 11, 12, 14, 15, 16)]
    assert found == [None, b"10", b"11", None, None, b"15", None]
    assert cache.size == 3 * 2 + 6 * CAME_BYTES


def test_what_did_not_come_is_kept_once_it_was_read() -> None:
    cache = cache_of()
    for sequence in (10, 15):
        cache.append(("S", sequence), b"%d" % sequence, 0.0)
    cache.append(("S", 12), b"late", 0.0)
    assert cache.get(("S", 12), 0.0) is None
    for sequence in (9, 12):
        cache.put(("S", sequence), b"%d" % sequence, 0.0)
    found = [cache.get(("S", sequence), 0.0) for sequence in (9, 10, 12, 15)]
    assert found == [b"9", b"10", b"12", b"15"]


def test_the_bytes_never_pass_the_limit() -> None:
    limit = 10 * (READ_BYTES + 100)
    cache = cache_of(limit)
    for number in range(1, 2000, 2):
        cache.put(("S", number), b"x" * 100, 0.0)
        cache.append(("S", number + 1), b"x" * 100, 0.0)
        assert cache.size <= limit
    assert cache.get(("S", 1999), 0.0) is not None
    assert cache.get(("S", 2000), 0.0) is not None
    assert cache.get(("S", 1), 0.0) is None


def test_a_long_silence_of_a_stream_costs_no_more_than_the_limit() -> None:
    cache = cache_of(2000)
    cache.append(("S", 1), b"x", 0.0)
    cache.append(("S", 10), b"y", 0.0)
    assert cache.get(("S", 1), 0.0) == b"x"
    cache.append(("S", 10**15), b"z", 0.0)
    cache.append(("S", 10**15 + 1), b"z", 0.0)
    assert cache.size <= 2000


def test_a_message_over_half_the_limit_is_not_kept() -> None:
    cache = cache_of(2000)
    cache.put(("S", 1), b"x" * 1500, 0.0)
    cache.append(("S", 2), b"x" * 1500, 0.0)
    assert cache.size == 0


def test_what_is_deleted_is_not_found_and_not_kept_again() -> None:
    cache = cache_of()
    cache.put(("S", 1), b"read", 0.0)
    for sequence in (2, 3, 4):
        cache.append(("S", sequence), b"came", 0.0)
    cache.erase("S", 1, 1, 0.0)
    cache.erase("S", 3, 3, 0.0)
    found = [cache.get(("S", sequence), 0.0) for sequence in (1, 2, 3, 4)]
    assert found == [None, b"came", None, b"came"]
    cache.put(("S", 3), b"came", 1.0)  # read before it was gone
    assert cache.get(("S", 3), 1.0) is None
    cache.put(("S", 3), b"came", HOLD_SECONDS)
    assert cache.get(("S", 3), HOLD_SECONDS) == b"came"


def test_what_is_purged_is_not_found_in_either_generation() -> None:
    cache = cache_of()
    for sequence in (1, 2):
        cache.append(("S", sequence), b"old", 0.0)
        cache.append(("T", sequence), b"other", 0.0)
    for sequence in (3, 4):
        cache.append(("S", sequence), b"young", LIFETIME)
    cache.erase("S", 0, 3, LIFETIME)
    found = [cache.get(("S", sequence), LIFETIME) for sequence in (1, 2, 3, 4)]
    assert found == [None, None, None, b"young"]
    cache.erase("S", 0, MOST, LIFETIME)
    assert cache.get(("S", 4), LIFETIME) is None
    cache.append(("S", 5), b"next", LIFETIME)
    assert (cache.get(("S", 5), LIFETIME), cache.get(("T", 1), LIFETIME)) == (b"next", b"other")


def test_a_cleared_cache_is_empty_and_takes_lower_sequences() -> None:
    cache = cache_of()
    cache.put(("S", 7), b"x", 0.0)
    cache.append(("S", 8), b"x", 0.0)
    cache.clear()
    assert (cache.get(("S", 7), 0.0), cache.get(("S", 8), 0.0), cache.size) == (None, None, 0)
    cache.append(("S", 1), b"new", 0.0)
    assert cache.get(("S", 1), 0.0) == b"new"
