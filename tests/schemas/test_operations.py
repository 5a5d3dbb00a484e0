import pytest

from schemas.operations import Operation, is_business


@pytest.mark.parametrize("operation", [4, 100, 1000, 2**31 - 1])
def test_messages_of_the_application_are_business(operation: int) -> None:
    assert is_business(operation)


@pytest.mark.parametrize("operation", [-5, 0, 2, 3, 5, 9, 18, 29, 99])
def test_the_protocols_own_operations_are_not(operation: int) -> None:
    assert not is_business(operation)


def test_the_extensions_have_their_own_range() -> None:
    assert [one for one in Operation if 18 <= one < 100] == [
        Operation.ACKNOWLEDGE,
        Operation.TOPIC,
        Operation.SEND_TO,
        Operation.JOIN_ROOM,
        Operation.JOIN_ROOM_REPLY,
        Operation.LEAVE_ROOM,
        Operation.LEAVE_ROOM_REPLY,
        Operation.ROOM_EVENT,
        Operation.ROOM_LEFT,
        Operation.GAP,
        Operation.CLOSING,
        Operation.HISTORY,
        Operation.HISTORY_REPLY,
        Operation.READ,
        Operation.READ_REPLY,
    ]
