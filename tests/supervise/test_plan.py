"""A tree's addresses are decided before anything starts, and its children read exactly these settings."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from controller.core.errors import Malformed, Unavailable
from controller.parts.ports import LOOPBACK
from controller.settings import Settings, read_settings
from controller.supervise.plan import PARTS, PROCESSES, Part, environment_of, lay_out


@contextmanager
def taken(port: int) -> Iterator[None]:
    """Have somebody listen on a port for the length of the block; whoever does so already will do."""
    with socket.socket() as holder:
        with suppress(OSError):
            holder.bind((LOOPBACK, port))
            holder.listen()
        yield


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings that give no address."""
    return Settings(data=tmp_path / "data", repository=tmp_path / "models")


def test_every_address_is_filled_in(settings: Settings) -> None:
    """With nothing given every part is started, and its address stands in the settings of all."""
    layout = lay_out(settings, PARTS, PROCESSES, free_ports=True)
    filled = layout.settings
    assert layout.parts == PARTS
    assert all((filled.kafka, filled.triton_grpc, filled.triton_http, filled.prometheus, filled.alertmanager))
    ports = [layout.port(name) for name in PROCESSES]
    assert len(set(ports)) == len(ports)


def test_scenes_ask_the_tree_s_own_gateway(settings: Settings) -> None:
    """Unless settings name others; a tree without a gateway names none."""
    layout = lay_out(settings, PARTS, PROCESSES, free_ports=True)
    assert layout.settings.scene_gateways == f"{LOOPBACK}:{layout.port('gateway')}"
    given = replace(settings, scene_gateways="gateway-1:6006")
    assert lay_out(given, PARTS, PROCESSES, free_ports=True).settings.scene_gateways == "gateway-1:6006"
    assert lay_out(settings, PARTS, ["releases"], free_ports=True).settings.scene_gateways == ""


def test_a_part_whose_address_is_given_is_not_started(settings: Settings) -> None:
    """An operator's own Kafka and Prometheus stay as they are."""
    given = replace(settings, kafka="kafka:9092", prometheus="http://prometheus:9090")
    layout = lay_out(given, PARTS, PROCESSES, free_ports=True)
    assert layout.parts == {Part.TRITON, Part.ALERTMANAGER}
    assert (layout.settings.kafka, layout.settings.prometheus) == ("kafka:9092", "http://prometheus:9090")


def test_a_part_that_is_left_out_is_done_without(settings: Settings) -> None:
    """A part neither given nor wanted has no address."""
    layout = lay_out(settings, [Part.KAFKA], ["control"], free_ports=True)
    assert layout.parts == {Part.KAFKA}
    assert layout.processes == ("control",)
    assert layout.settings.prometheus == ""


def test_a_port_that_settings_name_must_be_free(settings: Settings) -> None:
    """A taken port is an error that names the setting, unless free ports are asked for."""
    with socket.socket() as holder:
        holder.bind((LOOPBACK, 0))
        holder.listen()
        taken = replace(settings, gateway_port=holder.getsockname()[1])
        with pytest.raises(Unavailable, match="SEGUE_GATEWAY_PORT"):
            lay_out(taken, PARTS, PROCESSES, free_ports=False)
        assert lay_out(taken, PARTS, PROCESSES, free_ports=True).settings.gateway_port != taken.gateway_port
        assert lay_out(taken, PARTS, ["control"], free_ports=False).processes == ("control",)


def test_a_part_that_finds_its_usual_port_taken_is_named(settings: Settings) -> None:
    """Who looks for Kafka on its usual port must be told that another program is there; of free ports nothing is."""
    with taken(9092):
        layout = lay_out(settings, [Part.KAFKA], ["control"], free_ports=False)
        (moved,) = (one for one in layout.moved if one.usual == 9092)
        assert moved.part is Part.KAFKA
        assert layout.settings.kafka == f"{LOOPBACK}:{moved.port}" != f"{LOOPBACK}:9092"
        assert lay_out(settings, [Part.KAFKA], ["control"], free_ports=True).moved == ()
        given = replace(settings, kafka="kafka:9092")
        assert lay_out(given, [Part.KAFKA], ["control"], free_ports=False).moved == ()


def test_a_port_just_left_is_free(settings: Settings) -> None:
    """Segue can be started again at once: connections that still die away on a port hold nobody up."""
    with socket.create_server((LOOPBACK, 0)) as listener, socket.socket() as client:
        client.connect(listener.getsockname())
        answering, _ = listener.accept()
        answering.close()  # whoever closes first keeps the port in TIME_WAIT
        assert client.recv(1) == b""
        left = replace(settings, gateway_port=listener.getsockname()[1])
    assert lay_out(left, PARTS, PROCESSES, free_ports=False).settings.gateway_port == left.gateway_port


def test_an_unknown_process_is_named(settings: Settings) -> None:
    """A misspelt process is told with those there are."""
    with pytest.raises(Malformed, match="there is no process gatewy; choose among control"):
        lay_out(settings, PARTS, ["gatewy"], free_ports=True)


def test_children_read_the_same_settings(settings: Settings, tmp_path: Path) -> None:
    """What a child reads from its environment is what the tree decided; tokens come from the file alone."""
    tokens = tmp_path / "tokens"
    tokens.write_text("operator:0123456789abcdef\n")
    filled = lay_out(settings, PARTS, PROCESSES, free_ports=True).settings
    filled = replace(filled, tokens={"0123456789abcdef": "operator"}, drain_s=0.5, notify_webhook="http://x/y")
    filled = replace(filled, kafka_security_protocol="SASL_PLAINTEXT", kafka_username="segue", kafka_password="hush")
    environment = {"SEGUE_KAFKA_PASSWORD_FILE": "of the parent"} | environment_of(filled, tokens, 4711)
    assert read_settings(environment) == replace(filled, worker_port=4711)
    assert "0123456789abcdef" not in "".join(environment.values())


def test_observing_may_be_turned_off() -> None:
    """SEGUE_OBSERVE_EVERY_S is 0 or at least a second; anything between is told to be neither."""
    assert read_settings({"SEGUE_OBSERVE_EVERY_S": "0"}).observe_every_s == 0
    with pytest.raises(Malformed, match=r"'0\.5'; give a number from 1 to 86400, or 0 to turn it off"):
        read_settings({"SEGUE_OBSERVE_EVERY_S": "0.5"})
    with pytest.raises(Malformed, match=r"give a number from 1 to 1000$"):
        read_settings({"SEGUE_EJECT_AFTER": "0"})


def test_a_kafka_of_the_tree_s_own_asks_nobody_who_he_is(settings: Settings) -> None:
    """A password for a Kafka that is started here would be of no use: whoever gave it meant another Kafka."""
    meant = replace(
        settings, kafka_security_protocol="SASL_PLAINTEXT", kafka_username="segue", kafka_password="hush-hush"
    )
    with pytest.raises(Malformed, match="say in SEGUE_KAFKA where yours is, or leave it out") as error:
        lay_out(meant, PARTS, PROCESSES, free_ports=True)
    assert "hush-hush" not in str(error.value)
    assert Part.KAFKA not in lay_out(replace(meant, kafka="kafka-1:9092"), PARTS, PROCESSES, free_ports=True).parts


def test_a_tree_serves_no_https(settings: Settings) -> None:
    """Its parts ask one another over HTTP: who wants TLS there is told where it is to be had."""
    with pytest.raises(Malformed, match="SEGUE_TLS_CERT is for processes of `segue run` alone"):
        lay_out(replace(settings, tls_cert="a.pem", tls_key="a.key"), PARTS, PROCESSES, free_ports=True)
