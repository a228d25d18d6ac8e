"""What a database or its driver complains of, in our own error tree: try again, decide again, or mend something."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from controller.core.errors import Broken, Conflict, Unavailable

_CONFLICTS: Final = frozenset({"23505", "40001", "40P01", "55P03"})
"""PostgreSQL: unique violation, serialization failure, deadlock, lock not to be had in time."""

_AWAY: Final = ("08", "25", "53", "57", "58")
"""
PostgreSQL's classes: connection, transaction state, resources, operator intervention (shutdown, start-up), system.

Transaction state: in a fail-over a server is read-only for a while, and a transaction that stood still is ended. That
says nothing about the message in hand, which must wait and not become a dead letter.
"""

_BUSY: Final = ("database is locked", "database table is locked", "UNIQUE constraint failed")
_WRONG: Final = ("no such", "syntax error", "has no column")


@contextmanager
def told(database: str) -> Iterator[None]:
    """
    Turn whatever the database raises inside into Conflict, Unavailable or Broken.

    database: its address without the password, for the sentence.
    """
    try:
        yield
    except DBAPIError as error:
        raise _told(error, database) from error
    except asyncpg.PostgresError as error:
        # The driver raises these bare while it connects.
        raise _by_state(getattr(error, "sqlstate", None) or "", error, database) from error
    except asyncpg.ClientConfigurationError as error:
        raise Broken(f"{database} cannot be asked: {_text(error)}; correct SEGUE_DATABASE_URL") from error
    except ssl.SSLCertVerificationError as error:
        raise Unavailable(
            f"{database} shows a certificate that is refused ({error.verify_message}); let sslrootcert in "
            "SEGUE_DATABASE_URL, or PGSSLROOTCERT, name the file of who vouches for it, and call the server by a name "
            "that the certificate has"
        ) from error
    except (OSError, TimeoutError, PoolTimeout, asyncpg.InterfaceError) as error:
        raise Unavailable(f"{database} does not answer: {_text(error)}") from error
    except SQLAlchemyError as error:
        raise Broken(f"{database} refuses: {_text(error)}") from error


def _told(error: DBAPIError, database: str) -> Exception:
    cause = error.orig or error
    state = getattr(cause, "sqlstate", None)
    if state:
        return _by_state(state, cause, database)
    text = _text(cause)
    if any(busy in text for busy in _BUSY):
        return Conflict(f"{database}: {text}")
    if error.connection_invalidated or isinstance(cause, OSError):
        return Unavailable(f"{database} does not answer: {text}")
    kind = type(cause).__name__
    if kind in ("OperationalError", "InterfaceError", "InternalError") and not any(wrong in text for wrong in _WRONG):
        return Unavailable(f"{database} does not answer: {text}")
    return Broken(f"{database} refuses: {text}")


def _by_state(state: str, error: BaseException, database: str) -> Exception:
    if state in _CONFLICTS:
        return Conflict(f"{database}: {_text(error)}")
    if state.startswith(_AWAY):
        return Unavailable(f"{database} does not answer: {_text(error)}")
    return Broken(f"{database} refuses: {_text(error)}")


def _text(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
