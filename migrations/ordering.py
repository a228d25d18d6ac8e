"""The view `audit_orders` since revision 0017: an order whose attributes are Kafka's headers says as much as any."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Final

from migrations.auditing import Words
from migrations.parting import orders

_ROLLOUT: Final = "pause resume promote advance extend approve reject rollback override mark"
_ORDERS: Final = (*(f"rollout.{one}" for one in _ROLLOUT.split()), "service.retire", "plan.set")
_HEADERS: Final = {
    False: ("json_each(i.headers) h", "json_extract(h.value, '$[0]')", "json_extract(h.value, '$[1]')"),
    True: ("json_array_elements(i.headers::json) h", "h ->> 0", "h ->> 1"),
}
"""By whether it is PostgreSQL: the headers of a message, the name of one, and its value, which is in base64."""


def statements(words: Words, *, postgres: bool) -> Iterator[str]:
    """Return the statements that make the view anew; on PostgreSQL it keeps its grants."""
    if not postgres:
        yield "DROP VIEW audit_orders"
    asked = words.of_message() if postgres else "CAST(i.value AS TEXT)"
    # What an order says stands under `data`, or alone where the attributes, its type among them, are headers.
    said = f"""
        i.service, {words.at("i.sent_ms")} AS ordered_at,
        coalesce(replace({words.of_message("type")}, 'io.segue.', ''), {_by_header(postgres=postgres)}) AS what,
        coalesce({words.of_message("data", "actor")}, {words.of_message("actor")}) AS actor,
        coalesce({words.of_message("data", "reason")}, {words.of_message("reason")}) AS reason,
        coalesce({words.of_message("data")}, {asked}) AS asked
    """
    yield f"CREATE {'OR REPLACE ' if postgres else ''}VIEW audit_orders AS {' UNION ALL '.join(orders(said))}"


def _by_header(*, postgres: bool) -> str:
    headers, name, value = _HEADERS[postgres]
    # SQLite reads no base64, so what may stand there is written in it.
    kinds = " ".join(f"WHEN '{b64encode(f'io.segue.{one}'.encode()).decode()}' THEN '{one}'" for one in _ORDERS)
    return f"(SELECT CASE {value} {kinds} END FROM {headers} WHERE lower({name}) = 'ce_type')"
