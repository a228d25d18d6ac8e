"""Why Kafka does not let us in, which its clients keep to themselves: they tell that they reached nobody."""

import asyncio
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import SaslAuthenticationFailed, UnsupportedSaslMechanismError

from controller.brokers import Brokers, Kafka, brokers, place
from controller.core.errors import Malformed

_ANSWER_MS: Final = 2_000
_FAREWELL_S: Final = 0.2


async def advice(kafka: Kafka, error: Exception) -> str:
    """
    Return what a client's error says, and what to look at.

    Brokers that want to know who we are, are asked once more for that.
    """
    where = brokers(kafka)
    return await _turned_away(where) or (
        f"{error!r}; see whether it runs there and speaks {where.protocol} (SEGUE_KAFKA_SECURITY_PROTOCOL), or correct "
        "SEGUE_KAFKA"
    )


def turned_away(kafka: Kafka) -> str:
    """
    Return why a broker that answers does not let us in; "" when none answers, or one does.

    Brokers that want to know nothing of us are not asked. It blocks for some seconds at most, within an event loop too.
    """
    where = brokers(kafka)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, _turned_away(where)).result()


async def _turned_away(kafka: Brokers) -> str:
    if kafka.open:
        return ""
    for address in kafka.addresses.split(","):
        try:
            await _greet(*place(address), kafka)
        except Exception as error:  # whoever asks has failed already, and goes on when it knows why
            if why := _why(kafka, error):
                return f"{address}: {why}"
        else:
            return ""
    return ""


async def _greet(host: str, port: int, kafka: Brokers) -> None:
    connection = AIOKafkaConnection(host, port, request_timeout_ms=_ANSWER_MS, **kafka.security())
    try:
        await connection.connect()
    finally:
        # Over TLS both sides say farewell; what has not come to that when the loop ends would stay open.
        await asyncio.wait([connection.close()], timeout=_FAREWELL_S)


def _why(kafka: Brokers, error: Exception) -> str:
    match error:
        case SaslAuthenticationFailed():
            return (
                f"it knows no {kafka.username!r} with this password; correct SEGUE_KAFKA_USERNAME and "
                "SEGUE_KAFKA_PASSWORD, or add the user there"
            )
        case UnsupportedSaslMechanismError():
            return f"it does not take {kafka.mechanism}; set SEGUE_KAFKA_SASL_MECHANISM to what it takes"
        case ssl.SSLCertVerificationError():
            return (
                f"its certificate is refused ({error.verify_message}); let SEGUE_KAFKA_CA name who vouches for it, and "
                "SEGUE_KAFKA call it by a name that its certificate has"
            )
        case ConnectionRefusedError() | TimeoutError():
            return ""
        case Malformed():
            return str(error)
        case _:
            said = str(error) or type(error).__name__
            return (
                f"it ended the connection ({said}); see whether it speaks {kafka.protocol} there, and whether it asks "
                "for a certificate (SEGUE_KAFKA_CERT)"
            )
