"""Keys made here are UUIDs of version 4, each another one."""

from uuid import RFC_4122, UUID

from gateway.connection_keys import KEYS_AT_ONCE, make_key


def test_every_key_is_a_random_uuid_of_its_own() -> None:
    keys = [make_key() for _ in range(3 * KEYS_AT_ONCE)]
    assert len(set(keys)) == len(keys)
    for key in keys:
        one = UUID(key)
        assert (str(one), one.version, one.variant) == (key, 4, RFC_4122)
    assert len({key[19] for key in keys}) == 4
