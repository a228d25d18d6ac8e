"""Good messages to spoil, where `tests/wire` has none; what must never be told stands in some of them."""

from typing import Final

from controller.wire.checkpoint import Checkpoint

SECRET: Final = "hush-hush-0123456789"
USERS_TEXT: Final = "Curiouser"
"""Neither may ever stand in a reason."""

EXAMPLE_PLAN: Final = {
    "name": "evening",
    "steps": [{"weight": "5 %", "hold": "10m", "gates": ["ear"]}, {"weight_bp": 5000, "hold_s": 600, "mirror": "1 %"}],
    "gates": [{"name": "ear", "kind": "approval", "role": "voice-quality"}],
    "hours": [{"days": ["mon", "fri"], "from": "09:00", "to": "17:00", "zone": "Europe/Berlin"}],
    "alerts": {"rules": [{"label": "severity", "value": "page", "action": "rollback"}]},
    "readiness_deadline": "5m",
    "guard": "1h",
    "on_blind": "hold",
}
PLAN_IN_YAML: Final = b"""\
name: evening
steps:
  - {weight: 5 %, hold: 10m}   # a few
  - weight: 50 %
    hold: 1h 30m
    segments:
      - {name: eu, where: {region: eu}, weight: 100 %}
gates:
  - name: ear
    kind: approval
guard: '1h'
"""
WEBHOOK: Final = {
    "version": "4",
    "groupKey": "g",
    "status": "firing",
    "alerts": [
        {
            "status": status,
            "labels": {"alertname": "Errors", "service": "hibari", "severity": "critical", "release": "1.5.0"},
            "annotations": {"summary": "it fails", "runbook": "https://example.org/r"},
            "startsAt": "2026-03-03T09:26:40.123456789Z",
            "fingerprint": "c4f3",
        }
        for status in ("firing", "resolved")
    ],
}
SPEECH: Final = {
    "model": "hibari",
    "input": f"{USERS_TEXT} and curiouser! cried Alice.",
    "voice": "default",
    "response_format": "wav",
    "speed": 1.25,
    "stream": True,
    "user": USERS_TEXT,
}
ENVIRONMENT: Final = {
    "SEGUE_KAFKA": "127.0.0.1:9092",
    "SEGUE_DATABASE_URL": f"postgresql+asyncpg://segue:{SECRET}@localhost/segue",
    "SEGUE_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "SEGUE_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "SEGUE_KAFKA_USERNAME": "segue",
    "SEGUE_KAFKA_PASSWORD": f"{SECRET}8",
    "SEGUE_TOKENS": f"viewer:{SECRET},operator:{SECRET}9",
    "SEGUE_TRITON_HTTP": "a:8000,b:8000",
    "SEGUE_TRITON_GRPC": "a:8001,b:8001",
    "SEGUE_NOTIFY_WEBHOOK": f"https://example.org/{SECRET}",
    "SEGUE_API_PORT": "8080",
    "SEGUE_DRAIN_S": "120",
    "SEGUE_HEDGE_AFTER_S": "2.5",
    "SEGUE_EJECT_AFTER": "5",
    "SEGUE_OBSERVE_EVERY_S": "10",
    "SEGUE_LOG_LEVEL": "INFO",
    "SEGUE_DATA": "segue",
    "SEGUE_HOST": "127.0.0.1",
    "SEGUE_SCENE_AUDIO_MIB": "16",
}
CHECKPOINT: Final = Checkpoint("hibari", 7, "ab" * 32, 1_772_530_000_000, "f00d" * 4, "c2ln" * 20, 3, "cd" * 32)
