"""Each reading follows its source: what a source says changes the reading, for every source of every row."""

from __future__ import annotations

import re
from typing import Any

import pytest

from backstay.environments import Recorded
from backstay_core.environments import guest
from backstay_core.environments.adapters import ADAPTERS
from backstay_core.environments.cgroup import Group
from backstay_core.environments.questions import questions
from backstay_core.environments.reading import Reading
from backstay_core.environments.sources import From, Row, Since, take
from tests.environments.answers import CGROUP_1, CGROUP_2, EVERYTHING, OTHER

WORLDS = {"1": {**EVERYTHING, **OTHER, **CGROUP_1}, "2": {**EVERYTHING, **OTHER, **CGROUP_2}}
TABLES = {f"{cls.KEY}.{name}": getattr(cls, name.upper()) for cls in ADAPTERS for name in ("info", "usage")}
TABLES["guest.moment"] = guest.MOMENT


def cases():
    """Every source of every row: by itself, in a world where it can be read."""
    seen: set[int] = set()
    for table, rows in TABLES.items():
        for i, row in enumerate(rows):
            for number, source in enumerate(row.sources):
                if (
                    id(source) in seen
                    or isinstance(source, Since)
                    or "=cpu_usage_cores" in getattr(source, "questions", ())
                ):
                    continue  # what comes of two readings has tests of its own
                seen.add(id(source))
                versions = ("1", "2") if isinstance(source, Group) and source.first else ("2",)
                for version in versions:
                    name = f"{table}.{row.name}-{number}" + (f"-v{version}" if isinstance(source, Group) else "")
                    yield pytest.param(rows[:i], row, source, version, id=name)


def read(before: tuple[Row, ...], row: Row, source: Any, answers: dict[str, Any]) -> Reading[Any]:
    """The reading of one source, with the rows above it."""
    alone = Row(row.name, row.unit, row.doc, source)
    return take([*before, alone], Recorded(answers))[row.name]


def mutations(answer: Any) -> list[Any]:
    """Other answers of the same kind."""
    if isinstance(answer, bool):
        return [not answer]
    if isinstance(answer, int | float):
        return [answer + 1, max(0, answer - 1), answer * 1000, 0]
    if isinstance(answer, list):
        numbers = [item for item in answer if isinstance(item, int)]
        if len(numbers) == len(answer):
            return [[*answer[:i], answer[i] + 7, *answer[i + 1 :]] for i in range(len(answer))]
        return [answer[1:], [*answer, "99"], [answer[0], 99]]
    if isinstance(answer, dict):
        return [{**answer, name: other} for name, value in answer.items() for other in (value + 1, value * 3) if True]
    found = list(re.finditer(r"\d+", answer))
    changed = [answer[: m.start()] + str(int(m[0]) + 1) + answer[m.end() :] for m in found]
    changed += [answer[: m.start()] + str(max(0, int(m[0]) - 1)) + answer[m.end() :] for m in found]
    changed += [re.sub(r"\d+", lambda m: str(int(m[0]) * 3 + 1), answer), answer.swapcase(), "", "x", "0"]
    return changed


@pytest.mark.parametrize(("before", "row", "source", "version"), list(cases()))
def test_a_reading_follows_its_source(before: tuple[Row, ...], row: Row, source: Any, version: str):
    answers = WORLDS[version]
    reading = read(before, row, source, answers)
    assert reading.value is not None, reading
    for question in reading.source.split(", "):
        assert question in answers, f"{question} is no source"
        changed = [read(before, row, source, {**answers, question: other}) for other in mutations(answers[question])]
        assert any(other.value != reading.value for other in changed), f"{question} says what it likes"
    if isinstance(source, From):
        for question in source.questions:
            if not question.startswith("="):
                gone = read(before, row, source, {**answers, question: {"reason": "Permission denied"}})
                assert (gone.value, gone.reason, gone.source) == (None, "Permission denied", question)


LATER: dict[str, dict[str, Any]] = {
    "1": {
        "/sys/fs/cgroup/cpu,cpuacct/cpuacct.usage": "1150000000\n",
        "/sys/fs/cgroup/cpu,cpuacct/cpu.stat": "nr_periods 110\nnr_throttled 15\nthrottled_time 9000\n",
        "/sys/fs/cgroup/memory/inner/memory.oom_control": "oom_kill 5\n",
    },
    "2": {
        "/sys/fs/cgroup/kubepods/app/cpu.stat": "usage_usec 1150000\nnr_periods 110\nnr_throttled 15\n",
        "/sys/fs/cgroup/kubepods/app/memory.events": "max 17\noom_kill 5\n",
        "head:/proc/stat": "cpu  160 20 30 820 40 0 10 25 0 0\n",
        "/proc/net/dev": EVERYTHING["/proc/net/dev"].replace("5000 ", "6000 ").replace("9000 ", "9500 "),
    },
}
RATES = {
    "cpu_usage_percent": 60.0,  # 60 of 100 ticks
    "stolen_percent": 20.0,
    "network_rx_rate": 1000.0,
    "network_tx_rate": 500.0,
}
GROUP_RATES = {
    "cpu_usage_cores": 0.25,
    "cpu_throttled_percent": 50.0,  # 5 of 10 periods
    "oom_kills_lately": 3,
}


@pytest.mark.parametrize("cls", ADAPTERS, ids=lambda cls: cls.KEY)
@pytest.mark.parametrize("version", ["1", "2"])
def test_rates_are_what_changed_between_two_readings(cls: Any, version: str):
    first = take(cls.USAGE, Recorded(WORLDS[version]))
    later = {**WORLDS[version], **LATER["2"], **LATER[version], "clock:monotonic": 2_000_000_000}
    second = take(cls.USAGE, Recorded(later), before=first)
    wanted = {**RATES, **GROUP_RATES}
    if "cpu_usage_cores" in second:
        #  a quarter of a processor, of half a one (version 1) or one and a half (version 2)
        wanted["cpu_usage_percent"] = {"1": 50.0, "2": 16.67}[version]
    rates = [row.name for row in cls.USAGE if any(isinstance(source, Since) for source in row.sources)]
    assert rates or cls.KEY in ("webassembly", "embedded")
    for name in {*rates, "cpu_usage_percent"} & second.keys():
        assert (first[name].value, first[name].reason) == (None, "needs two readings")
        assert second[name].value == wanted[name], name


def test_a_counter_that_went_back_gives_no_rate():
    first = take(ADAPTERS[0].USAGE, Recorded({**WORLDS["2"], **LATER["2"]}))
    second = take(ADAPTERS[0].USAGE, Recorded({**WORLDS["2"], "clock:monotonic": 2_000_000_000}), before=first)
    assert second["network_rx_rate"].value is None
    assert second["cpu_usage_percent"].value is None


def test_a_clock_that_went_back_gives_no_rate():
    first = take(ADAPTERS[0].USAGE, Recorded(WORLDS["2"]))
    second = take(ADAPTERS[0].USAGE, Recorded({**WORLDS["2"], "clock:monotonic": 5}), before=first)
    assert second["network_rx_rate"].reason == "no time has passed since the reading before"


def test_all_questions_have_an_answer_here():
    """Or else the tests above overlook a source."""
    for rows in TABLES.values():
        for row in rows:
            for source in row.sources:
                for question in getattr(source, "questions", ()):
                    assert question.startswith("=") or question in WORLDS["2"], question
    assert len(questions()) > 50
