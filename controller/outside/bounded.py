"""One HTTP exchange that takes no longer and brings no more than it may."""

import asyncio

import httpx

from controller.core.errors import Broken, Unavailable


async def fetch(
    client: httpx.AsyncClient, request: httpx.Request, who: str, *, timeout_s: float, most_bytes: int
) -> tuple[int, bytes]:
    """
    Send a request and return the answer's status and body.

    who: the neighbour, as errors name it; they never quote its address, which may hold a secret.
    Raises Unavailable when the answer is not there within timeout_s seconds, Broken when it exceeds most_bytes.
    """
    try:
        async with asyncio.timeout(timeout_s):
            answer = await client.send(request, stream=True)
            try:
                body = bytearray()
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > most_bytes:
                        raise Broken(f"{who} answers with more than {most_bytes} bytes")
            finally:
                await answer.aclose()
    except TimeoutError:
        raise Unavailable(f"{who} does not answer within {timeout_s:g} s") from None
    except httpx.HTTPError as error:
        raise Unavailable(f"{who} does not answer ({type(error).__name__})") from None
    return answer.status_code, bytes(body)
