"""POST /alertmanager: the first hop of a rollback. Answers 202 when Kafka has all its alerts, and not before."""

import time

from starlette.requests import Request
from starlette.responses import Response

from controller.api.answers import read_body
from controller.api.tokens import allow
from controller.core.errors import Malformed
from controller.wire.alertmanager import WEBHOOK_LIMIT_BYTES, messages
from controller.wire.outbound import refused_message
from controller.wire.topics import Topic


async def receive_alerts(request: Request) -> Response:
    """
    Take one notification of Alertmanager (webhook, version 4).

    A body that cannot be read is answered 400, and goes to Kafka as well: it is journalled as rejected and stands in
    the dead letters. 503 when Kafka does not acknowledge; then Alertmanager sends it again.
    """
    received_at_ms = time.time_ns() // 1_000_000
    allow(request, "alertmanager")
    state = request.app.state
    body = await read_body(request, WEBHOOK_LIMIT_BYTES)
    try:
        alerts = messages(body, received_at_ms)
    except Malformed as why:
        await state.publisher.publish([refused_message(Topic.ALERTS, body, why)])
        state.metrics.alerts.labels("malformed").inc()
        raise
    await state.publisher.publish(alerts)
    state.metrics.alerts.labels("accepted").inc(len(alerts))
    return Response(b'{"accepted":%d}' % len(alerts), 202, media_type="application/json")
