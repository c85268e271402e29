"""Programs that serve while a test needs them, and that are ended by their process ids, whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

PAUSE = 0.02
UNTIL_WE_END = ("setpriv", "--pdeathsig", "TERM")  # also when the tests themselves are killed


def until(ready: Callable[[], object], what: str, seconds: float = 300.0) -> None:
    """Ask until the answer is true; a test that waits in vain fails here and says for what."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(PAUSE)


@contextmanager
def serving(
    command: Sequence[str | Path], ready: Callable[[], object], log: Path, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends; it is ready when `ready` says so. Its output goes to `log`."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*UNTIL_WE_END, *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
    try:

        def alive_and_ready() -> object:
            if process.poll() is not None:
                tail = log.read_text(errors="replace")[-2000:]
                raise AssertionError(f"{command[0]} ended with {process.returncode}:\n{tail}")
            return ready()

        until(alive_and_ready, f"{command[0]} to be ready; its log is {log}")
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes], patience: float = 15.0) -> None:
    """SIGTERM, and SIGKILL for a process that does not heed it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def named_with(text: str) -> list[int]:
    """Ids of processes other than this one in whose command line the text stands."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:  # it has ended
                continue
            if text.encode() in command:
                found.append(int(entry.name))
    return found


def sweep(folder: Path) -> None:
    """End what still runs on files of this folder, such as the shims that a killed engine leaves, and unmount it there.

    The folder is a temporary one that a test made, so nothing else has to do with it.
    """
    assert folder.is_absolute()
    assert len(folder.parts) > 3
    for pid in named_with(f"{folder}/"):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    until(lambda: not named_with(f"{folder}/"), f"the processes on {folder} to end")
    for point in reversed(mounts_below(folder)):
        subprocess.run(["umount", "--lazy", point], check=True)


def mounts_below(folder: Path) -> list[str]:
    with Path("/proc/self/mountinfo").open() as table:
        points = [line.split()[4] for line in table]
    return sorted(point for point in points if point.startswith(f"{folder}/"))
