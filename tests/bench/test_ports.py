"""Ports for servers: free, each given once, and none that an outgoing connection may take."""

import socket

from bench import ports
from bench.ports import HIGHEST, LOWEST, free_ports


def test_each_port_is_given_once_and_can_be_listened_on() -> None:
    given = [*free_ports(20), *free_ports(20)]
    assert len(set(given)) == 40
    assert all(LOWEST <= port < HIGHEST for port in given)
    for port in given:
        socket.create_server(("127.0.0.1", port)).close()


def test_a_port_that_is_taken_is_not_given() -> None:
    (taken,) = free_ports(1)
    ports._given.clear()
    with socket.create_server(("127.0.0.1", taken)):
        assert not ports._is_free(taken)
    assert ports._is_free(taken)
