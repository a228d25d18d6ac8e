"""Where messages and decisions wait while the inbox is made anew, and what is asked of them: see `restored_inbox`."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    case,
    cast,
    func,
    insert,
    literal,
    null,
    select,
    union_all,
    update,
)

from controller.journal import tables
from controller.journal.tables import Instant
from controller.wire.inbound import RESTORED_SOURCE

NO_PLACE: Final = -1
"""The position of a message that led to nothing: upon which facts it was decided is not known any more."""

_PAGE: Final = 500

WAITING = MetaData()
DECIDED = Table(
    "restored_decisions",
    WAITING,
    Column("stream", Text, primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("facts", Integer, nullable=False),
    Column("cause", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("before_ms", BigInteger, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("rejected", Boolean, nullable=False),
    Column("led", Boolean, nullable=False, default=False),
    Index("restored_decisions_cause", "cause"),
    prefixes=["TEMPORARY"],
)
"""Facts that follow from one message. before_ms: of the fact before them. led: whether that message is there."""
MESSAGES = Table(
    "restored_messages",
    WAITING,
    Column("number", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("sent_ms", BigInteger, nullable=False),
    Column("ordered_ms", BigInteger, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("position", BigInteger),
    Column("facts", Integer, nullable=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("headers", Text, nullable=False),
    prefixes=["TEMPORARY"],
)
"""Messages as rows of the inbox. position: NULL of one of which it is not known whether it was decided."""

_M, _D = MESSAGES.c, DECIDED.c
REFUSED: Final = select(_D.cause).where(_D.rejected, _D.cause.in_(bindparam("causes", expanding=True)))
OF_CAUSES: Final = (
    select(DECIDED).where(_D.cause.in_(bindparam("causes", expanding=True)), ~_D.led).order_by(_D.stream, _D.position)
)
LED: Final = (
    update(DECIDED).where(_D.stream == bindparam("of_stream"), _D.position == bindparam("at_position")).values(led=True)
)
UNDECIDED: Final = (
    select(_M.number, _M.service, _M.topic, _M.partition, _M.offset, _M.sent_ms)
    .where(_M.number > bindparam("after"), _M.position.is_(None))
    .order_by(_M.number)
    .limit(_PAGE)
)
QUIET: Final = update(MESSAGES).where(_M.number == bindparam("of_number")).values(position=NO_PLACE)
WHOLE: Final = (
    update(MESSAGES)
    .where(_M.service == bindparam("of_service"), _M.position == bindparam("at_position"))
    .values(facts=bindparam("whole"))
)

# What comes again under its name was quiet; what led to facts is the first of them.
_COPY: Final = func.row_number().over(
    partition_by=(_M.source, _M.id), order_by=(case((_M.position == NO_PLACE, 1), else_=0), _M.sent_ms, _M.number)
)
_COPIES: Final = select(MESSAGES, _COPY.label("copy")).where(_M.position.is_not(None)).subquery()
_KEPT: Final = (
    *("source", "id", "service", "topic", "partition", "offset", "sent_ms", "decided_at", "position", "facts"),
    *("key", "value", "headers"),
)
_OF_MESSAGES: Final = select(*(_COPIES.c[name] for name in _KEPT), _COPIES.c.ordered_ms).where(_COPIES.c.copy == 1)
_NAMED_AS: Final = _D.stream.concat("/").concat(_D.cause)
_AGAIN: Final = func.row_number().over(partition_by=(_D.stream, _D.cause), order_by=_D.position)
# Two senders may have used one id.
_NAME: Final = case((_AGAIN == 1, _NAMED_AS), else_=_NAMED_AS.concat("#").concat(cast(_D.position, Text)))
_OF_CAUSES_ALONE: Final = select(
    literal(RESTORED_SOURCE).label("source"),
    _NAME.label("id"),
    _D.stream.label("service"),
    literal("").label("topic"),
    literal(NO_PLACE).label("partition"),
    literal(NO_PLACE).label("offset"),
    _D.at_ms.label("sent_ms"),
    _D.decided_at,
    _D.position,
    _D.facts,
    cast(null(), LargeBinary).label("key"),
    cast(null(), LargeBinary).label("value"),
    literal("[]").label("headers"),
    _D.at_ms.label("ordered_ms"),
).where(~_D.led)
_ALL: Final = union_all(_OF_MESSAGES, _OF_CAUSES_ALONE).subquery()
# In the order in which each service's messages were decided; where that is not known, in the order of time.
REMEMBER: Final = insert(tables.inbox).from_select(
    _KEPT, select(*(_ALL.c[name] for name in _KEPT)).order_by(_ALL.c.service, _ALL.c.ordered_ms, _ALL.c.position)
)
