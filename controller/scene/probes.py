"""
What the candidate said to golden prompts, until it is known whether it is taken back.

Whoever lets releases speak golden prompts leaves the last of each here, as WAV; a scene takes them over. The prompts
are Segue's own, so nobody's words are in them.
"""

import re
import shutil
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from controller.scene.draft import Draft

FOLDER: Final = ".probes"
_MIB: Final = 1024 * 1024
_WHAT: Final = "audio of probes"


class Probes:
    """The probes of all rollouts, below the folder of all scenes; at most so many MiB for each."""

    def __init__(self, root: Path, most_mib: int) -> None:
        self._root = root / FOLDER
        self._most_bytes = most_mib * _MIB

    def keep(self, rollout: str, prompt: int, endpoint: str, samples: bytes, sample_rate_hz: int) -> None:
        """Keep one utterance, int16 mono, in place of that to the same prompt before; raises OSError."""
        folder = self._root / rollout
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{prompt:02d}-{re.sub(r'[^A-Za-z0-9.-]', '_', endpoint)}.wav"
        used = sum(other.stat().st_size for other in folder.iterdir() if other != file)
        if used + len(samples) > self._most_bytes:
            return
        draft = file.with_suffix(".new")
        with wave.open(str(draft), "wb") as written:
            written.setnchannels(1)
            written.setsampwidth(2)
            written.setframerate(sample_rate_hz)
            written.writeframes(samples)
        draft.replace(file)

    def forget(self, rollout: str) -> None:
        """Take away what was kept of a rollout."""
        shutil.rmtree(self._root / rollout, ignore_errors=True)

    def tidy(self, before_s: float) -> None:
        """Take away what was spoken last before a time, seconds since 1970: those rollouts went well."""
        for folder in self._root.iterdir() if self._root.is_dir() else ():
            if folder.stat().st_mtime < before_s:
                self.forget(folder.name)

    def of(self, rollout: str) -> Iterator[Path]:
        """Yield the files of a rollout, in the order of prompts."""
        yield from sorted((self._root / rollout).glob("*.wav"))


def keep_audio(draft: Draft, probes: Probes | None, rollout: str) -> None:
    """Copy what the release said last to golden prompts, if it was asked for any; raises OSError."""
    if probes is None:
        return draft.lacks(_WHAT, "SEGUE_SCENE_AUDIO_MIB is 0: none is kept")
    for file in probes.of(rollout):
        prompt, _, endpoint = file.stem.partition("-")
        with draft.file(f"audio/{file.name}", f"golden prompt {int(prompt)}, spoken on {endpoint}") as written:
            written.write(file.read_bytes())
    return None
