"""The smallest HTTP/1.1 client that can ask the demo's upstream: one GET, one connection."""

from __future__ import annotations

import asyncio

from backstay_core.failure import Failure, UnifiedError

HOST = "127.0.0.1"


class BadAnswer(UnifiedError):
    """An answer that is not the one that was asked for."""

    @property
    def failure(self) -> Failure:
        return Failure("unavailable", str(self), reason="BAD_ANSWER", cause=self)


def answer_to(number: int) -> bytes:
    """The right answer to request `number`."""
    return b"answer %d" % number


async def get(port: int, number: int) -> bytes:
    """Ask for request `number`. Raises OSError, or `BadAnswer` for any answer that is not the right one."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(b"GET /%d HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % (number, HOST.encode()))
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.transport.abort()  # the answer is complete, or nobody waits for it any more
    if not head:
        raise ConnectionResetError("the upstream closed the connection without an answer")
    status = head.split(None, 2)[1:2]
    if status != [b"200"] or body != answer_to(number):
        raise BadAnswer(f"HTTP {b''.join(status).decode('ascii', 'replace')}")
    return body
