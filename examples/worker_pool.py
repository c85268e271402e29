"""A pool of workers and a dependency that serves two at a time: the workers outnumber its places, and wait in a queue.

The bulkhead belongs to the dependency, not to the pool: whoever calls it, from whichever thread, takes one of the same
two places. The server counts how many it saw at once.
"""

import socket
from concurrent.futures import ThreadPoolExecutor
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Lock, Thread

from backstay import Bulkhead, Policy, Retry, Timeout

press = Policy("press", Timeout(30.0), Retry(3, idempotent=True, base=0.01), Bulkhead(2, queue=50))


class Press(BaseRequestHandler):
    """Prints a page; the most that were printing at once is on record."""

    lock = Lock()
    printing = most = 0

    def handle(self) -> None:
        with self.lock:
            Press.printing += 1
            Press.most = max(Press.most, Press.printing)
        page = self.request.recv(100)
        with self.lock:
            Press.printing -= 1  # before the answer: with it, the caller's place is free
        self.request.sendall(b"printed " + page)


@press
def print_page(address: tuple[str, int], page: int) -> str:
    with socket.create_connection(address, timeout=5.0) as connection:
        connection.sendall(str(page).encode())
        return connection.recv(100).decode()


def main() -> None:
    with ThreadingTCPServer(("127.0.0.1", 0), Press) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with ThreadPoolExecutor(8) as pool:
            pages = list(pool.map(lambda page: print_page(("127.0.0.1", server.server_address[1]), page), range(40)))
        server.shutdown()
        thread.join()
    print(len(pages), "pages, the last one:", pages[-1])
    print("never more than two at once:", Press.most <= 2)


if __name__ == "__main__":
    main()
