"""Writes the vector files in their one format: a vector a block, a call and a trace a line.

python tests/conformance/format.py            rewrite the files
python tests/conformance/format.py --expect   also fill in each `expect` from the oracle: then read every change
"""

import json
import sys
from pathlib import Path

VECTORS = Path(__file__).parent / "vectors"
IN_ONE_LINE = ("rules", "side", "interruptible", "end", "raising", "pending")
Json = dict | list | str | int | float | bool | None


def line(value: Json) -> str:
    """JSON in one line; a fraction without exponent and with at most six decimals."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{line(key)}: {line(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(line(item) for item in value) + "]"
    if isinstance(value, float):
        return f"{value:.9f}".rstrip("0").rstrip(".")
    return json.dumps(value, ensure_ascii=False)


def rows(items: list, indent: str) -> str:
    return "[" + ",".join(f"\n{indent}  {line(item)}" for item in items) + f"\n{indent}]" if items else "[]"


def member(name: str, value: Json) -> str:
    if name == "policy" and isinstance(value, dict):
        before = "".join(f"{line(key)}: {line(item)}, " for key, item in value.items() if key != "strategies")
        return f'"policy": {{{before}"strategies": {rows(value["strategies"], "    ")}}}'
    if name == "expect" and isinstance(value, dict):
        after = "".join(f", {line(key)}: {line(item)}" for key, item in value.items() if key != "calls")
        return f'"expect": {{"calls": {rows(value["calls"], "    ")}{after}}}'
    return f"{line(name)}: " + (rows(value, "    ") if isinstance(value, list) and name != "rules" else line(value))


def block(vector: dict) -> str:
    text = previous = ""
    for name, value in vector.items():
        together = name in IN_ONE_LINE and text and previous in IN_ONE_LINE
        text += ("," if text else "") + (" " if together else "\n    ") + member(name, value)
        previous = name
    return "  {" + text + "\n  }"


def text_of(vectors: list) -> str:
    return "[\n" + ",\n".join(block(vector) for vector in vectors) + "\n]\n"


def milliseconds(ns: int) -> int | float:
    return ns // 10**6 if ns % 10**6 == 0 else ns / 10**6


def in_milliseconds(trace: list) -> list[Json]:
    """A trace in ns as vectors write it: the time of each entry, the end of a wait, the pause of a failure."""
    written: list[Json] = []
    for at, what, *more in trace:
        if what == "wait" and more[0] is not None:
            more[0] = milliseconds(more[0])
        if what == "fail" and len(more) == 3:
            more[2] = milliseconds(more[2])
        written.append([milliseconds(at), what, *more])
    return written


def fill_in(vector: dict) -> None:
    from tests.conformance import oracle

    found = oracle.run(vector)
    expect: dict = {"calls": [in_milliseconds(trace) for trace in found["calls"]]}
    if found["refused"]:
        expect["refused"] = [milliseconds(at) for at in found["refused"]]
    final = vector.get("expect", {}).get("final")
    vector["expect"] = expect if final is None else {**expect, "final": final}


def main() -> None:
    for file in sorted(VECTORS.glob("*.json")):
        vectors = json.loads(file.read_text(encoding="utf-8"))
        for vector in vectors:
            if "--expect" in sys.argv and "pending" not in vector:
                fill_in(vector)
        file.write_text(text_of(vectors), encoding="utf-8")


if __name__ == "__main__":
    main()
