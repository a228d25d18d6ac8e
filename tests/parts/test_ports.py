"""Ports for parts: different, free, and out of the way of outgoing connections."""

import socket
from pathlib import Path

import pytest

from controller.core.errors import Unavailable
from controller.parts.ports import LOOPBACK, free_ports


def test_ports_are_different_and_free() -> None:
    """Chosen ports differ from each other, and each can be listened on."""
    ports = free_ports(50)
    assert len(set(ports)) == 50
    for port in ports:
        with socket.create_server((LOOPBACK, port)):
            pass


def test_a_taken_port_is_never_chosen() -> None:
    """A port that somebody listens on is passed over, and when nothing else is left that is said."""
    taken, other = free_ports(2)
    with socket.create_server((LOOPBACK, taken)):
        assert free_ports(1, among=(taken, other)) == (other,)
        with pytest.raises(Unavailable, match="no 2 free ports"):
            free_ports(2, among=(taken, other))


def test_ports_are_below_the_outgoing_range() -> None:
    """No outgoing connection of this machine can take a chosen port while its part restarts."""
    lowest_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(1024 < port < lowest_outgoing for port in free_ports(50))
