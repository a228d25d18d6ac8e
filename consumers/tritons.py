"""The Tritons that releases live on, each by its HTTP endpoint: the name that requests, tables and gateways use."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from controller.core.names import Release
from controller.outside.triton import Triton
from controller.settings import Settings


@dataclass(frozen=True, slots=True)
class Tritons:
    """Those that the settings name, asked over gRPC; none where nobody says where they are."""

    by_endpoint: Mapping[str, Triton]

    def homes(self, endpoints: Sequence[str]) -> Mapping[str, Triton]:
        """Return those of a release's endpoints that are known here; a release that names none lives on all."""
        named = endpoints or self.by_endpoint
        return {name: self.by_endpoint[name] for name in named if name in self.by_endpoint}

    def unknown(self, release: Release, endpoints: Sequence[str]) -> str:
        """Say which endpoints of a release nobody configured here, and what to set; "" when all are known."""
        if not (missing := [name for name in endpoints if name not in self.by_endpoint]):
            return ""
        return (
            f"{release.ensemble} is to live on {', '.join(missing)}, which SEGUE_TRITON_HTTP does not name here "
            f"(it names {', '.join(self.by_endpoint) or 'none'}); add it there, and its gRPC address at the same "
            "position of SEGUE_TRITON_GRPC"
        )


@asynccontextmanager
async def tritons(settings: Settings) -> AsyncIterator[Tritons]:
    """Connect to the Tritons of the settings. Raises Malformed when these do not pair."""
    async with AsyncExitStack() as stack:
        yield Tritons(
            {endpoint: await stack.enter_async_context(Triton(grpc)) for endpoint, grpc in settings.tritons.items()}
        )
