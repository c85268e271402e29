"""Whatever is wrong with a file is one `ConfigurationError` that names it."""

import gc
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from backstay import ConfigurationError, load
from backstay.configuration import documents, examine
from backstay.configuration.files import LARGEST, read
from backstay.configuration.lines import Scanner, Toml

POSIX = pytest.mark.skipif(os.name == "nt", reason="POSIX files")


def refused(path: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(path, environ={})
    assert isinstance(caught.value, ValueError)
    assert caught.value.__cause__ is None
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 600
    return text


def test_what_is_not_there(tmp_path: Path):
    path = tmp_path / "backstay.toml"
    assert refused(path) == f"{path}: cannot be read: no such file or directory"
    assert refused(tmp_path / "a" / "b.toml").endswith("cannot be read: no such file or directory")


@POSIX
def test_a_directory(tmp_path: Path):
    assert refused(tmp_path) == f"{tmp_path}: is a directory"


@POSIX
def test_a_symlink_loop(tmp_path: Path):
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.symlink_to(two)
    two.symlink_to(one)
    assert refused(one) == f"{one}: cannot be read: too many levels of symbolic links"


@POSIX
def test_a_pipe_is_not_waited_for(tmp_path: Path):
    path = tmp_path / "pipe.toml"
    os.mkfifo(path)
    assert refused(path) == f"{path}: is no regular file"


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "backstay.toml"
    path.touch()

    def locked(*_: Any) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", locked)  # who runs the tests may be allowed everything
    assert refused(path) == f"{path}: cannot be read: permission denied"


def test_a_disk_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "backstay.toml"
    path.touch()

    def broken(*_: Any) -> bytes:
        raise OSError

    monkeypatch.setattr(os, "read", broken)
    assert refused(path) == f"{path}: cannot be read: oserror"


def test_ten_megabytes(tmp_path: Path):
    path = tmp_path / "backstay.toml"
    path.write_bytes(b"#" * 10_000_000)
    assert refused(path) == f"{path}: is larger than 1 MiB"


def test_a_file_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "backstay.toml"
    path.touch()
    monkeypatch.setattr(os, "read", lambda descriptor, size: b"#" * min(size, 70_000))
    assert refused(path) == f"{path}: is larger than 1 MiB"


def test_the_largest_that_is_read(tmp_path: Path):
    path = tmp_path / "backstay.toml"
    path.write_bytes(b"#" * LARGEST)
    assert load(path, environ={}).policies == {}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a = 1\nb = '\xff'", ":2: is not UTF-8 (byte 0xff)"),
        (b"\x00", ":1: is no TOML: invalid statement"),
        ("x = 1".encode("utf-16"), ": is UTF-16; save it as UTF-8"),
        (os.urandom(0) + bytes(range(128, 256)), ":1: is not UTF-8 (byte 0x80)"),
    ],
)
def test_what_is_no_text(tmp_path: Path, data: bytes, said: str):
    path = tmp_path / "backstay.toml"
    path.write_bytes(data)
    assert refused(path).lower() == f"{path}{said}".lower()


def test_a_byte_order_mark(tmp_path: Path):
    path = tmp_path / "backstay.toml"
    path.write_bytes(b"\xef\xbb\xbf[policies]\r\n")
    assert load(path, environ={}).policies == {}


#  name of the file, its text → what is said
SYNTAX = {
    "no value": ("a.toml", "[policies]\nx =\n", ":2: is no TOML: Invalid value"),
    "the end": ("a.toml", "x = [1,\n", ":2: is no TOML: Invalid value at the end"),
    "a duplicate key": ("a.toml", "x = 1\nx = 2", ":2: is no TOML: Cannot overwrite a value"),
    "a duplicate table": ("a.toml", "[policies.p]\n[policies.p]", ":2: is no TOML: Cannot declare"),
    "deeply nested": ("a.toml", "x = " + "[" * 50_000, ": is nested too deep"),
    "a long number": ("a.toml", "x = " + "9" * 5000, ": "),
    "JSON": ("a.json", '{"policies": }', ":1: is no JSON: Expecting value"),
    "JSON twice": ("a.json", '{"policies": {},\n "policies": {}}', ":2: policies: is there twice"),
    "JSON deep": ("a.json", "[" * 500_000, ": is nested too deep"),
    "JSON of a number": ("a.json", "3", ": the document: must be a table; got 3"),
    "an empty JSON": ("a.json", "", ":1: is no JSON: Expecting value"),
}


@pytest.mark.parametrize(("name", "text", "said"), SYNTAX.values(), ids=SYNTAX)
def test_what_is_no_document(tmp_path: Path, name: str, text: str, said: str):
    path = tmp_path / name
    path.write_text(text, "utf-8")
    assert refused(path).startswith(f"{path}{said}")


@pytest.mark.parametrize("key", ["a" + ".a" * 20_000, ' "a" . ' * 20_000 + "a"])
def test_a_key_of_very_many_parts(tmp_path: Path, key: str):
    """Which tomllib would take hours for, if it were as long as a file may be."""
    (tmp_path / "x.toml").write_text(f"policies = {{}}\n{key} = 1\n", "utf-8")
    assert refused(tmp_path / "x.toml").endswith("x.toml:2: is nested too deep")


def test_dots_in_texts_are_no_parts_of_a_key(tmp_path: Path):
    (tmp_path / "x.toml").write_text(f"policies = {{}}  # {'.' * 200}\n'$schema' = '{'a.' * 200}'\n", "utf-8")
    assert load(tmp_path / "x.toml").policies == {}


def test_lines_are_looked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """However many problems there are."""
    (tmp_path / "x.toml").write_text("".join(f"key{i} = 1\n" for i in range(100)), "utf-8")
    scans: list[Toml] = []

    class Counted(Toml):
        def scan(self) -> Scanner:
            scans.append(self)
            return super().scan()

    monkeypatch.setattr(documents, "Toml", Counted)
    assert [problem.line for problem in examine(tmp_path / "x.toml").problems] == [*range(1, 101)]
    assert len(scans) == 1


@pytest.mark.parametrize("path", [None, 3, b"\0", "a\0b", object(), ["x"]])
def test_what_is_no_path(path: Any):
    assert refused(path)


def test_a_file_that_is_written_to_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "backstay.toml"
    path.write_text("[policies.half", "utf-8")
    genuine = os.read
    times = [0]

    def reading(descriptor: int, size: int) -> bytes:
        data = genuine(descriptor, size)
        if data:
            times[0] += 1
            path.write_text("x" * times[0] if times[0] < limit else "[policies]", "utf-8")
            os.utime(path, ns=(times[0], times[0]))
        return data

    monkeypatch.setattr(os, "read", reading)
    limit = 1
    with pytest.raises(ConfigurationError, match="it changes all the time"):
        read(path)
    times[0] = 0

    def calmer(descriptor: int, size: int) -> bytes:
        return reading(descriptor, size) if times[0] < 1 else genuine(descriptor, size)

    monkeypatch.setattr(os, "read", calmer)
    assert read(path).text == "[policies]"


@POSIX
def test_a_file_that_is_replaced_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path, other = tmp_path / "backstay.toml", tmp_path / "other"
    path.write_text("[policies]", "utf-8")
    genuine = os.read

    def replacing(descriptor: int, size: int) -> bytes:
        if path.read_text("utf-8") == "[policies]":
            other.write_text("[shared]", "utf-8")
            other.replace(path)
        return genuine(descriptor, size)

    monkeypatch.setattr(os, "read", replacing)
    assert read(path).text == "[policies]"  # the whole of the old one
    assert read(path).text == "[shared]"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="descriptors are counted in /proc")
def test_no_descriptor_stays_open(tmp_path: Path):
    gc.collect()  # what other tests have left open
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        refused(tmp_path)
    assert len(os.listdir("/proc/self/fd")) <= before
