"""When a rollout may widen: hours of the week in a time zone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTES_IN_DAY: Final = 24 * 60
_LOOK_AHEAD_DAYS: Final = 8
_ORDINARY: Final = datetime(2026, 1, 5)


@dataclass(frozen=True, slots=True)
class Hours:
    """
    From `from_minute` up to `to_minute` of each of these days, minutes since midnight in `zone`.

    days: names out of DAYS. zone: an IANA name such as "Europe/Berlin"; how it is read follows the installed rules.
    """

    days: tuple[str, ...]
    from_minute: int
    to_minute: int
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if not self.days or any(day not in DAYS for day in self.days):
            raise ValueError(f"days is {list(self.days)}; allowed: one or more of {', '.join(DAYS)}")
        if not 0 <= self.from_minute < self.to_minute <= _MINUTES_IN_DAY:
            raise ValueError(
                f"hours go from minute {self.from_minute} to {self.to_minute}; allowed: from below to, within one day"
            )
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"zone is {self.zone!r}; allowed: an IANA time zone such as Europe/Berlin") from error


def opens_ms(hours: tuple[Hours, ...], now_ms: int) -> int:
    """
    Return when widening is next allowed, milliseconds since 1970: now_ms itself when it is allowed now.

    No hours at all means always.
    """
    if not hours:
        return now_ms
    return min(_opens_ms(one, now_ms) for one in hours)


def longest_closed_s(hours: tuple[Hours, ...]) -> float:
    """Return the longest wait for an hour in which it may widen, seconds, in a week in which no clock changes."""
    ends = (
        _ms(_ORDINARY.replace(tzinfo=ZoneInfo(one.zone)) + timedelta(days=day), one.to_minute)
        for one in hours
        for day in range(len(DAYS))
        if DAYS[day] in one.days
    )
    return max((opens_ms(hours, end) - end for end in ends), default=0) / 1000


def _opens_ms(hours: Hours, now_ms: int) -> int:
    zone = ZoneInfo(hours.zone)
    midnight = datetime.fromtimestamp(now_ms / 1000, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    for days_ahead in range(_LOOK_AHEAD_DAYS):
        # By the calendar, not by 24 hours: a day on which clocks change is shorter or longer.
        day = midnight + timedelta(days=days_ahead)
        if DAYS[day.weekday()] not in hours.days:
            continue
        begin_ms, end_ms = (_ms(day, minute) for minute in (hours.from_minute, hours.to_minute))
        if now_ms < end_ms:
            return max(now_ms, begin_ms)
    raise AssertionError("every week has each of its days")


def _ms(day: datetime, minute: int) -> int:
    last = minute == _MINUTES_IN_DAY
    at = day + timedelta(days=1) if last else day.replace(hour=minute // 60, minute=minute % 60)
    return round(at.astimezone(UTC).timestamp() * 1000)
