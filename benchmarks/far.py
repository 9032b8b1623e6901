"""A server seen from far away: all that goes to it and comes from it takes its time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

BYTES_AT_ONCE = 65536


@contextmanager
def seen_from_afar(port: int, round_trip_seconds: float) -> Iterator[int]:
    """Another port of this machine, from which that one is so far away."""
    loop = asyncio.new_event_loop()
    started: list[int] = []
    is_up = threading.Event()

    async def serve() -> None:
        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, back = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(
                _carry(reader, back, round_trip_seconds / 2), _carry(there, writer, round_trip_seconds / 2)
            )
            for each in (writer, back):
                each.close()

        server = await asyncio.start_server(meet, "127.0.0.1", 0)
        started.append(server.sockets[0].getsockname()[1])
        is_up.set()

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(serve(), loop)
    is_up.wait()
    try:
        yield started[0]
    finally:
        loop.call_soon_threadsafe(_end, loop)
        thread.join()


def _end(loop: asyncio.AbstractEventLoop) -> None:
    for task in asyncio.all_tasks(loop):
        task.cancel()
    # After they ended.
    loop.call_soon(loop.stop)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Each piece arrives so much later, and the next one may be on its way meanwhile."""
    loop = asyncio.get_running_loop()
    last = loop.time()
    try:
        while piece := await reader.read(BYTES_AT_ONCE):
            last = loop.time() + seconds
            loop.call_at(last, writer.write, piece)
    except ConnectionError:
        pass
    # What is on its way arrives before the end does.
    await asyncio.sleep(max(last - loop.time(), 0) + seconds)
    if not writer.is_closing():
        writer.write_eof()
