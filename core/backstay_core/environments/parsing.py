"""What files of the system say: from their text to values. Raises `ValueError` where a text cannot be right."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST = 1 << 62  # of a number of bytes or ticks that can be right


def whole(text: str) -> int:
    """A number ≥ 0, alone in a file."""
    text = text.strip()
    if not text.isdecimal() or len(text) > 20:
        raise ValueError(f"no whole number: {text[:40]!r}")
    return int(text)


def number(text: str) -> float:
    value = float(text)
    if not 0 <= value < LARGEST:
        raise ValueError(f"out of range: {text[:40]!r}")
    return value


def line(text: str) -> "str | None":
    """The text of a file of one line; None if it is empty."""
    return text.strip().split("\n")[0].strip("\x00 ") or None


def field(name: str, separator: str = ":", unit: int = 1) -> "Callable[[str], int | None]":
    """The number after `name` in a file of lines ``name: 123 kB``; None if there is no such line."""

    def parse(text: str) -> "int | None":
        for each in text.split("\n"):
            key, found, rest = each.partition(separator)
            if found and key.strip() == name:
                words = rest.split()
                if not words:
                    raise ValueError(f"{name} has no value")
                return whole(words[0]) * unit
        return None

    return parse


def kib(name: str) -> "Callable[[str], int | None]":
    """The bytes of a line of ``/proc/meminfo`` or ``/proc/self/status``."""
    return field(name, ":", 1024)


def flat(name: str) -> "Callable[[str], int | None]":
    """The number after `name` in a file of lines ``name 123``, as in ``/proc/vmstat`` or ``memory.events``."""
    return field(name, " ")


def word(index: int) -> "Callable[[str], str]":
    return lambda text: text.split()[index]


def assigned(name: str) -> "Callable[[str], str | None]":
    """The value of a line ``NAME="value"``, as in ``/etc/os-release``."""

    def parse(text: str) -> "str | None":
        for each in text.split("\n"):
            key, found, value = each.partition("=")
            if found and key.strip() == name:
                return value.strip().strip("\"'") or None
        return None

    return parse


def pressure(kind: str, window: str = "avg10") -> "Callable[[str], float | None]":
    """Per cent of the time that some or all ("full") tasks waited, from a file of ``/proc/pressure``."""

    def parse(text: str) -> "float | None":
        for each in text.split("\n"):
            words = each.split()
            if words and words[0] == kind:
                for part in words[1:]:
                    key, _, value = part.partition("=")
                    if key == window:
                        return number(value)
        return None

    return parse


def ticks(text: str) -> "list[int]":
    """Of the line ``cpu`` of ``/proc/stat``: ticks not idle, ticks stolen by the host, all ticks."""
    words = text.split("\n")[0].split()
    if not words or words[0] != "cpu" or len(words) < 5:
        raise ValueError(f"no line of processor time: {text[:40]!r}")
    times = [whole(each) for each in words[1:9]]  # guest time is part of user time
    idle = times[3] + (times[4] if len(times) > 4 else 0)
    stolen = times[7] if len(times) > 7 else 0
    return [sum(times) - idle - stolen, stolen, sum(times)]


def share(index: int) -> "Callable[[list[int], list[int], int], float | None]":
    """Per cent that one of `ticks` has of all, between two readings."""

    def parse(old: "list[int]", new: "list[int]", ns: int) -> "float | None":
        whole_time = new[2] - old[2]
        part = new[index] - old[index]
        if whole_time <= 0 or part < 0:
            return None
        return round(min(100.0, 100 * part / whole_time), 2)

    return parse


def per_second(old: int, new: int, ns: int) -> "float | None":
    """The rate of a counter; None if it went back (an interface that was removed, say)."""
    return round((new - old) * 1_000_000_000 / ns, 2) if new >= old else None


def growth(old: int, new: int, ns: int) -> "int | None":
    """By how much a counter grew; None if it went back."""
    return new - old if new >= old else None


def traffic(column: int) -> "Callable[[str], int]":
    """The sum of a column of ``/proc/net/dev`` over all interfaces but the loopback."""

    def parse(text: str) -> int:
        total = 0
        seen = False
        for each in text.split("\n"):
            name, found, rest = each.rpartition(":")
            if not found:
                continue
            words = rest.split()
            if len(words) < 16:
                raise ValueError(f"no line of an interface: {each[:40]!r}")
            seen = True
            if name.strip() != "lo":
                total += whole(words[column])
        if not seen:
            raise ValueError("no interfaces")
        return total

    return parse


def percent(part: "int | float", total: "int | float") -> "float | None":
    """Of a total; None if there is no total."""
    return round(100 * part / total, 2) if total > 0 else None


def says(name: str) -> "Callable[[object], str | None]":
    """`name`, if there is any answer."""
    return lambda value: name if value else None
