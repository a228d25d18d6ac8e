"""The releases of the story, what is wrong with some of them, and by which plans they are walked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from controller.core.names import Release
from triton_models.build import build

BAD_SHARE_BP: Final = 3000
"""What a bad release is given; the failing one is watched at this share before its fault is looked for."""

# Gates are left out where the story is about alerts: whoever sees the fault first would take the release back.
INSTALL: Final[Mapping[str, Any]] = {"name": "install", "steps": [], "guard": "10m", "gates": []}
BY_ALERT: Final[Mapping[str, Any]] = {
    "name": "by-alert",
    "steps": [{"weight_bp": BAD_SHARE_BP, "hold": "10m"}],
    "guard": "10m",
    "gates": [],
}
# Less proof than a service with users should ask for: there are six utterances a second and a minute's patience.
# That is too little to compare failures by blocks of ten seconds; but whoever fails is counted as slow.
PACED: Final[Mapping[str, Any]] = {
    "name": "paced-by-evidence",
    "steps": [
        {"weight": "0 %", "mirror": "50 %", "until": "evidence", "hold": "2s", "ceiling": "90s"},
        {"weight": "50 %", "until": "evidence", "hold": "2s", "ceiling": "90s"},
    ],
    "guard": "10m",
    "gates": [{"kind": "evidence"}],
    "evidence": {"metrics": ["latency"], "promote_at": 5, "proven_to": 0.9, "slower": 1.0},
}
# On a machine that is busy with other things a slow voice may trip a rule about slowness. Here evidence is to decide.
_TELL_ONLY: Final[Mapping[str, Any]] = {"rules": [], "otherwise": "notify"}
BY_EVIDENCE: Final[Mapping[str, Any]] = {
    "name": "by-evidence",
    "steps": [{"weight_bp": BAD_SHARE_BP, "hold": "10m"}],
    "guard": "10m",
    "alerts": _TELL_ONLY,
    "gates": [{"kind": "evidence"}],
    "evidence": {"metrics": ["errors", "latency"]},
}
BY_MEMORY: Final[Mapping[str, Any]] = {
    "name": "by-memory",
    "steps": [{"weight_bp": BAD_SHARE_BP, "hold": "10m"}],
    "guard": "10m",
    "alerts": _TELL_ONLY,
    "gates": [{"kind": "memory"}],
    "memory": {"growth": "20 %", "persist": "4s"},
}


@dataclass(frozen=True, slots=True)
class Voices:
    """
    failing: its vocoder gives up on utterances longer than six seconds. slow: it averages four draws of its noise.
    leaking: it remembers every utterance it ever spoke.
    """

    first: Release
    good: Release
    failing: Release
    slow: Release
    leaking: Release


def build_voices(repository: Path) -> Voices:
    """Build all releases into a Triton repository; they share all stages but the vocoder."""
    now = datetime.now(UTC)

    def voice(version: str, **params: str) -> Release:
        given = {f"vocoder.{name}": value for name, value in params.items()}
        return build("hibari", version, repository=repository, build_time=now, params=given)

    return Voices(
        first=voice("1.4.0"),
        good=voice("1.5.0", brightness_db="3"),
        failing=voice("1.6.0", pitch_semitones="2", max_frames="480"),
        slow=voice("1.7.0", brightness_db="3", passes="4"),
        leaking=voice("1.8.0", brightness_db="3", recent="1000000"),
    )
