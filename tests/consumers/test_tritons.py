"""Which Tritons the settings name: gRPC addresses and HTTP endpoints pair by position, or the start says so."""

import pytest

from controller.core.errors import Malformed
from controller.settings import Settings, read_settings

A, B = "triton-a:8000", "triton-b:8000"


def test_addresses_pair_by_position() -> None:
    """The first gRPC address is that of the first endpoint, and so on; spaces mean nothing."""
    settings = Settings(triton_grpc="triton-a:8001, triton-b:8001", triton_http=f"{A},{B}")
    assert settings.tritons == {A: "triton-a:8001", B: "triton-b:8001"}


def test_one_address_needs_no_endpoint() -> None:
    """A worker that is told no HTTP endpoint calls its only Triton by the address it has; without any there is none."""
    assert Settings(triton_grpc="triton:8001").tritons == {"triton:8001": "triton:8001"}
    assert Settings(triton_http=A).tritons == {}


@pytest.mark.parametrize(
    ("grpc", "http"), [("triton-a:8001", f"{A},{B}"), ("a:8001,b:8001", A), ("a:8001,b:8001", f"{A},{A}")]
)
def test_addresses_that_do_not_pair_are_refused_at_the_start(grpc: str, http: str) -> None:
    """Two lists of different lengths, or an endpoint that is named twice, name both variables and what is asked for."""
    with pytest.raises(Malformed, match=r"SEGUE_TRITON_GRPC is .*SEGUE_TRITON_HTTP is .*in the same order, each once"):
        read_settings({"SEGUE_TRITON_GRPC": grpc, "SEGUE_TRITON_HTTP": http})


def test_several_addresses_without_endpoints_are_refused_by_who_uses_them() -> None:
    """Nobody can tell several Tritons apart without their endpoints."""
    with pytest.raises(Malformed, match="SEGUE_TRITON_HTTP is ''"):
        _ = Settings(triton_grpc="a:8001,b:8001").tritons
