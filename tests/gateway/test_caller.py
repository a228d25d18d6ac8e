"""What of a request's headers routing gets to know: only what some segment asks for."""

from collections.abc import Iterator, Mapping

import pytest

from controller.core.routing import RoutingTable, Segment
from controller.gateway.caller import read_caller


def table(*facts: str) -> RoutingTable:
    return RoutingTable("tone", 1, segments=tuple(Segment(fact, ((fact, "x"),), 0) for fact in facts))


class Watched(Mapping[bytes, bytes]):
    """Headers that note which of them are looked at."""

    def __init__(self, headers: dict[bytes, bytes]) -> None:
        self._headers = headers
        self.looked_at: set[bytes] = set()

    def __getitem__(self, name: bytes) -> bytes:
        self.looked_at.add(name)
        return self._headers[name]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._headers)

    def __len__(self) -> int:
        return len(self._headers)


PLACED = {b"x-segue-region": b"eu", b"x-segue-tier": b"vip", b"accept-language": b"de", b"x-plan": b"pro"}


def test_without_segments_nothing_is_read() -> None:
    """A table that asks for nothing costs no look at where a caller belongs."""
    headers = Watched(PLACED)
    assert read_caller(headers, "ann", table()).asked.facts is None
    assert not headers.looked_at & set(PLACED)


def test_only_what_is_asked_for_is_read() -> None:
    """A segment by tier and one by a header of its own read these two headers."""
    headers = Watched(PLACED)
    asked = read_caller(headers, "ann", table("tier", "header:x-plan")).asked
    assert asked.facts == {"tier": "vip", "header:x-plan": "pro"}
    assert headers.looked_at & set(PLACED) == {b"x-segue-tier", b"x-plan"}


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({b"x-segue-language": b"pt-BR", b"accept-language": b"de"}, "pt-br"),
        ({b"accept-language": b"de-AT,de;q=0.9,en;q=0.8"}, "de"),
        ({b"accept-language": b"de;q=0.5, en-GB;q=0.9, *;q=0.1"}, "en"),
        ({b"accept-language": b"EN"}, "en"),
        ({b"accept-language": b"de;q=much, ja"}, "ja"),
    ],
)
def test_language_is_the_one_liked_best(headers: dict[bytes, bytes], language: str) -> None:
    """What a client says outright counts as it stands; of a browser's list, the primary tag of the best."""
    assert read_caller(headers, "ann", table("language")).asked.facts == {"language": language}


@pytest.mark.parametrize("accepted", [b"", b"*", b"en;q=0", b";;,,"])
def test_no_language_is_no_fact(accepted: bytes) -> None:
    """A list that likes nothing puts its caller into no segment."""
    assert read_caller({b"accept-language": accepted}, "ann", table("language")).asked.facts is None
