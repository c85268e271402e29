"""What a probe makes of files that are huge, binary, unreadable, pipes, loops, or not there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from backstay.environments import SystemProbe
from backstay.environments import probe as module
from backstay_core.environments.reading import MISSING


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "proc").mkdir()
    return tmp_path


def ask(root: Path, question: str, **environ: str):
    reading = SystemProbe(str(root), environ)(question)
    assert reading.source == question
    assert (reading.value is None) == bool(reading.reason)
    return reading


def test_files_links_names_and_variables(root: Path):
    (root / "proc" / "uptime").write_text("1.5 2\n")
    (root / "proc" / "self").symlink_to("17")
    assert ask(root, "/proc/uptime").value == "1.5 2\n"
    assert ask(root, "link:/proc/self").value == "17"
    assert ask(root, "exists:/proc/uptime").value is True
    assert ask(root, "exists:/proc/nothing").value is False
    assert ask(root, "exists:/proc/uptime/x").value is False
    assert ask(root, "names:/proc").value == ["self", "uptime"]
    assert ask(root, "env:HERE", HERE="yes").value == "yes"
    assert ask(root, "env:GONE").missing


@pytest.mark.parametrize(
    "question", ["/proc/nothing", "link:/proc/nothing", "names:/nothing", "statvfs:/nothing", "head:/proc/nothing"]
)
def test_what_is_not_there_is_known_to_be_missing(root: Path, question: str):
    assert ask(root, question).reason == MISSING


def test_a_huge_file_is_not_read(root: Path):
    with open(root / "huge", "wb") as file:
        file.truncate(1 << 34)
    assert ask(root, "/huge").reason == f"larger than {module.LARGEST} bytes"
    assert len(ask(root, "head:/huge").value) == module.HEAD


def test_binary_is_text_of_a_kind(root: Path):
    (root / "binary").write_bytes(bytes(range(256)))
    assert isinstance(ask(root, "/binary").value, str)


def test_a_pipe_makes_nobody_wait(root: Path):
    os.mkfifo(root / "pipe")
    assert ask(root, "/pipe").reason == "no regular file"
    assert ask(root, "head:/pipe").reason == "no regular file"


def test_a_directory_is_no_file(root: Path):
    assert ask(root, "/proc").reason in ("no regular file", "Is a directory")


def test_a_loop_of_links_ends(root: Path):
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    for question in ("/a", "exists:/a", "names:/a"):
        assert "symbolic links" in ask(root, question).reason


def test_links_stay_under_the_root(root: Path, tmp_path_factory: pytest.TempPathFactory):
    """As in an image: /var/run is a link to /run, its own and not the host's."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret").write_text("the host's")
    (root / "run").mkdir()
    (root / "var").mkdir()
    (root / "var" / "run").symlink_to("/run")
    (root / "run" / "token").write_text("its own")
    (root / "run" / "up").symlink_to("../../../../../../proc/uptime")
    (root / "proc" / "uptime").write_text("1")
    (root / "out").symlink_to(outside)
    (root / "over").symlink_to(os.path.relpath(outside, root))
    assert ask(root, "/var/run/token").value == "its own"
    assert ask(root, "/run/up").value == "1"
    assert ask(root, "link:/var/run").value == "/run"
    assert ask(root, "names:/var/run").value == ["token", "up"]
    for way in ("/out/secret", "/over/secret", f"/..{outside}/secret"):
        assert ask(root, way).missing, way


def test_what_may_not_be_read(root: Path):
    (root / "secret").write_text("x")
    (root / "secret").chmod(0)
    reading = ask(root, "/secret")
    assert reading.value == "x" if os.geteuid() == 0 else reading.reason == "Permission denied"


def test_an_error_of_the_system_is_the_reason(root: Path, monkeypatch: pytest.MonkeyPatch):
    def denied(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    assert ask(root, "/proc/uptime").reason == "Permission denied"


def test_a_name_with_a_zero_in_it(root: Path):
    assert "null" in ask(root, "/proc/\x00").reason


def test_a_directory_of_too_many_names(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST_NAMES", 3)
    for number in range(4):
        (root / "proc" / str(number)).touch()
    assert ask(root, "names:/proc").reason == "more than 3 names"


@pytest.mark.parametrize("question", ["fact:nothing", "clock:nothing", "env:", "nonsense:x", "psutil:nothing"])
def test_what_nobody_knows_is_none(root: Path, question: str):
    assert ask(root, question).value is None


def test_clocks_and_facts_are_this_systems():
    probe = SystemProbe()

    def value(question: str) -> Any:
        return probe(question).value

    assert value("clock:monotonic") <= value("clock:monotonic")
    assert value("clock:realtime") > 1_600_000_000_000_000_000
    assert value("fact:cpus") >= 1
    assert value("fact:python").startswith("3.")
    assert value("fact:threads") is True


def test_the_clock_device_of_a_virtual_machine(root: Path):
    """The layout of linux/vmclock-abi.h."""
    page = bytearray(112)
    page[:4] = b"VCLK"
    page[16:24] = (5).to_bytes(8, "little")
    page[104:112] = (77).to_bytes(8, "little")
    (root / "vmclock0").write_bytes(page)
    assert ask(root, "vmclock:/vmclock0").value == {"disruption": 5}
    page[24:32] = (1 << 8).to_bytes(8, "little")
    (root / "vmclock0").write_bytes(page)
    assert ask(root, "vmclock:/vmclock0").value == {"disruption": 5, "generation": 77}
    (root / "vmclock0").write_bytes(page[:50])
    assert ask(root, "vmclock:/vmclock0").reason == "no page of such a clock"


def test_the_last_message_of_the_kernel_that_says_something(root: Path):
    """As /dev/kmsg gives them, but all at once: a file has no records."""
    (root / "dev").mkdir()
    (root / "dev" / "kmsg").write_text("5,811,30940091,-;random: crng reseeded\n")
    assert ask(root, "kmsg:crng reseeded").value == 811
    assert ask(root, "kmsg:something else").value == 0
    (root / "dev" / "kmsg").write_text("crng reseeded")
    assert ask(root, "kmsg:crng reseeded").value is None
    (root / "dev" / "kmsg").unlink()
    assert ask(root, "kmsg:crng reseeded").missing


def can_read_the_kernels_log() -> bool:
    """Its mode may allow what the kernel does not."""
    try:
        os.close(os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not can_read_the_kernels_log(), reason="only root may read the kernel's log")
def test_the_kernels_own_log():
    assert SystemProbe()("kmsg:no such message, ever").value == 0
    assert SystemProbe()("kmsg:").value
