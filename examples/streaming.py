"""A guarded stream: an async generator is tried again until its first item, and holds its place until it is closed.

The first connection drops before anything has come, so the policy connects again and the reader notices nothing. The
second one sends three ticks. What fails after the first item comes out: nobody knows what the reader has done with it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from backstay import Bulkhead, Policy, Retry, Timeout

ticks = Policy("ticks", Retry(3, on=ConnectionError, idempotent=True, base=0.01), Bulkhead(10), Timeout(2.0))


@ticks
async def follow(port: int) -> AsyncIterator[str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while line := await reader.readline():
            yield line.decode().strip()
            if line == b"end\n":
                return
        raise ConnectionResetError("the stream dropped")
    finally:
        writer.close()


async def main() -> None:
    connections = 0

    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        if connections > 1:
            writer.write(b"41.00\n42.00\nend\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(send, "127.0.0.1", 0)
    async with server, aclosing(follow(server.sockets[0].getsockname()[1])) as stream:  # type: ignore[type-var]
        async for tick in stream:
            print("tick", tick)
    print("connections:", connections)


if __name__ == "__main__":
    asyncio.run(main())
