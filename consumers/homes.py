"""What came of a release on all the endpoints it lives on, of what came of it on each."""

from collections.abc import Sequence
from dataclasses import replace

from consumers.kept import Failed, Heard, Kept


def came_of(homes: Sequence[Kept], amiss: Failed | None, was_ready: bool) -> Heard | Failed | None:
    """
    Return it; None while the release is still coming up somewhere, or silent where others speak for it.

    amiss: what is wrong with an endpoint that is none of the homes; once the release was ready, that is not its fault.
    was_ready: it was heard everywhere before; then the gateways leave a silent endpoint alone, and it has failed only
    when none is left. The slowest home speaks for all.
    """
    failures = [_at_home(one, one.failed, homes) for one in homes if one.failed]
    if was_ready and failures:
        return max(failures, key=_at_ms) if len(failures) == len(homes) else None
    if amiss is not None and not was_ready:
        failures.append(amiss)
    if failures:
        return min(failures, key=_at_ms)
    speaking = [one.heard for one in homes if one.heard]
    if not homes or len(speaking) < len(homes):
        return None
    return Heard(
        max(one.load_s for one in speaking),
        max(one.latency_s for one in speaking),
        max(one.audio_s for one in speaking),
    )


def _at_home(one: Kept, failed: Failed, homes: Sequence[Kept]) -> Failed:
    return replace(failed, reason=f"on {one.endpoint}: {failed.reason}") if len(homes) > 1 else failed


def _at_ms(failure: Failed) -> int:
    return failure.at_ms
