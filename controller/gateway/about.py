"""What the gateway says about itself: models, voices, versions, readiness."""

from datetime import datetime
from typing import Any

from controller.core.routing import Arm, RoutingTable
from controller.gateway.follow import Follows
from controller.gateway.speech import voices
from controller.gateway.tables import Tables


def models(tables: Tables) -> dict[str, Any]:
    """Return OpenAI's list of models: every service that has a release."""
    return {"object": "list", "data": [_model(table) for table in tables.all().values() if table.arms]}


def all_voices(tables: Tables) -> dict[str, Any]:
    """Return the voices of every model."""
    return {
        "object": "list",
        "data": [
            {"id": voice, "object": "voice", "model": table.service}
            for table in tables.all().values()
            if table.arms
            for voice in voices(table)
        ],
    }


def versions(tables: Tables) -> dict[str, Any]:
    """Return, by service, the epoch and every arm's release with its share of the traffic."""
    return {
        "services": {
            service: {"epoch": table.epoch, "arms": [_arm(arm) for arm in table.arms]}
            for service, table in tables.all().items()
        }
    }


def readiness(tables: Tables, follower: Follows) -> dict[str, Any]:
    """Return whether requests can be routed, and by what: source "disk" means that Kafka was not heard yet."""
    return {
        "ready": follower.ready,
        "source": follower.source,
        "table_age_s": round(follower.age_s(), 3),
        "epochs": {service: table.epoch for service, table in tables.all().items()},
    }


def _model(table: RoutingTable) -> dict[str, Any]:
    newest = max(_seconds(arm.release.build_time) for arm in table.arms)
    return {"id": table.service, "object": "model", "created": newest, "owned_by": "segue"}


def _arm(arm: Arm) -> dict[str, Any]:
    release = arm.release
    return {
        "role": arm.role,
        "weight_bp": arm.weight_bp,
        "model": release.model,
        "version": release.version,
        "build_time": release.build_time,
        "sample_rate_hz": release.sample_rate_hz,
        "token_rate_hz": release.token_rate_hz,
        "digest": release.digest,
        "ensemble": release.ensemble,
    }


def _seconds(iso: str) -> int:
    try:
        return int(datetime.fromisoformat(iso).timestamp())
    except ValueError:
        return 0
