from bench.target import Target

OURS = Target("goimbus", {"ws": 1}, 2, {"gateway": 3}, "gateway")
GOIM = Target("goim", {"ws": 1}, 2, {"comet": 3}, "comet", stores=False, batch=20)


def test_what_is_stored_is_published_elsewhere_than_what_is_not() -> None:
    assert OURS.subject("room.bench.0", stored=True) == "goim.push.room.bench.0.1000"
    assert OURS.subject("room.bench.0", stored=False) == "goim.room.bench.0.cast.1000"


def test_a_server_that_stores_nothing_is_published_to_without() -> None:
    assert GOIM.subject("room.bench.0", stored=True, window=4) == "goim.room.bench.0.cast.1000"


def test_batches_are_used_where_enough_messages_are_in_flight() -> None:
    assert not GOIM.batches(19)
    assert GOIM.batches(20)
    assert not OURS.batches(20)
    assert GOIM.subject("room.bench.0", stored=False, window=80) == "goim.push.room.bench.0.1000"
