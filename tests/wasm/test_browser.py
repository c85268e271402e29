"""The JavaScript package in headless Chromium: the page for users, and every vector."""

from __future__ import annotations

import json
import queue
import shutil
import signal
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import simulate
from tests.conformance.test_vectors import CURRENT
from tests.wasm.javascript import missing

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
#  nothing but the page: no sandbox (tests may run as root), no traffic of the browser's own
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--remote-debugging-port=0", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"),
)


@pytest.fixture(scope="module")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return found or missing("Chromium", "install it (Debian: apt-get install chromium)")


class Pages(SimpleHTTPRequestHandler):
    """The files of a directory, and what the page posts."""

    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript", ".wasm": "application/wasm"}  # noqa: RUF012

    def __init__(self, *args: Any, results: queue.Queue[Any], **options: Any) -> None:
        self.results = results
        super().__init__(*args, **options)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
        self.results.put(json.loads(body))

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def visit(chromium: str, js_package: Path, tmp_path: Path) -> Any:
    """Opens a page of the package's tests in a fresh profile; what it posts."""
    results: queue.Queue[Any] = queue.Queue()
    handler = partial(Pages, directory=str(js_package.parents[1]), results=results)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    browsers: list[subprocess.Popen[bytes]] = []

    def open_page(name: str) -> Any:
        address = f"http://127.0.0.1:{server.server_port}/{name}"
        log = tmp_path / "browser.log"
        with log.open("wb") as out:
            command = [chromium, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", address]
            browsers.append(subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True))
        try:
            return results.get(timeout=500)
        except queue.Empty:
            raise AssertionError(f"the page did not answer:\n{log.read_text(errors='replace')[-3000:]}") from None

    yield open_page
    for browser in browsers:
        browser.send_signal(signal.SIGTERM)
        try:
            browser.wait(60)
        except subprocess.TimeoutExpired:
            browser.kill()
            browser.wait()
    server.shutdown()
    server.server_close()


@pytest.mark.timeout(1500)
def test_the_page_works_and_every_vector_is_decided_as_native(visit: Any, js_package: Path):
    (js_package.parents[1] / "vectors.json").write_text(json.dumps(CURRENT))
    result = visit("page.html")
    assert "failed" not in result, result
    assert "HeadlessChrome" in result["agent"]
    assert result["page"] == "answered with 200 after 3 attempts"
    right = {name: None if "raising" in vector else simulate.run(vector) for name, vector in CURRENT.items()}
    found = result["found"]
    different = {name: [right[name], found.get(name)] for name in right if found.get(name) != right[name]}
    assert not different, json.dumps(different, indent=1)
