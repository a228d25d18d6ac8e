"""HTTP exchanges that take no longer and bring no more than they may."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from controller.core.errors import Broken, Malformed, Unavailable

if TYPE_CHECKING:
    import httpx

_LONGEST_S: Final = 60.0


class Bounded:
    """
    Whoever asks one kind of neighbour; `async with` closes its connections. Redirects are not followed.

    httpx, and the certificates of who may vouch for others (SSL_CERT_FILE), take a fifth of a second to read. That
    waits for the first question, or a worker would be ready that much later.
    """

    def __init__(
        self, who: str, *, most_bytes: int, by_proxy: bool = False, headers: Mapping[str, str] | None = None
    ) -> None:
        """
        Note how to ask.

        who: the neighbour, as errors name it; they never quote its address, which may hold a secret. by_proxy: by the
        one that the environment names, if any. headers: of every question.
        """
        self._who = who
        self._most_bytes = most_bytes
        self._by_proxy = by_proxy
        self._headers = headers
        self._opening = asyncio.Lock()
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def fetch(self, method: str, url: str, *, timeout_s: float, **asked: Any) -> tuple[int, bytes]:
        """
        Return the answer's status and body.

        asked: params, data, content or headers, as httpx takes them. Raises Malformed when the address is none,
        Unavailable when the answer is not there within timeout_s seconds, Broken when it is too large, or when the file
        SSL_CERT_FILE holds no certificates. What the first question waits for on our side does not count.
        """
        client = await self._opened()
        import httpx

        try:
            request = client.build_request(method, url, **asked)
        except (httpx.InvalidURL, ValueError) as error:
            raise Malformed(str(error)) from None
        try:
            async with asyncio.timeout(timeout_s):
                answer = await client.send(request, stream=True)
                try:
                    return answer.status_code, await self._body(answer)
                finally:
                    await answer.aclose()
        except TimeoutError:
            raise Unavailable(f"{self._who} does not answer within {timeout_s:g} s") from None
        except httpx.HTTPError as error:
            raise Unavailable(f"{self._who} does not answer ({type(error).__name__})") from None

    async def _body(self, answer: "httpx.Response") -> bytes:
        body = bytearray()
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > self._most_bytes:
                raise Broken(f"{self._who} answers with more than {self._most_bytes} bytes")
        return bytes(body)

    async def _opened(self) -> "httpx.AsyncClient":
        async with self._opening:
            if self._client is None:
                # Beside the loop, for whatever else this process does goes on.
                self._client = await asyncio.to_thread(self._open)
            return self._client

    def _open(self) -> "httpx.AsyncClient":
        import httpx

        try:
            trusted = httpx.create_ssl_context()
        except OSError as error:
            why = f"the certificates of who may vouch for {self._who} cannot be read ({error.strerror})"
            raise Broken(f"{why}; let SSL_CERT_FILE name a file in PEM that has them") from None
        return httpx.AsyncClient(trust_env=self._by_proxy, verify=trusted, timeout=_LONGEST_S, headers=self._headers)
