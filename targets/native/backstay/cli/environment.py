"""What `backstay env` shows."""

from __future__ import annotations

import json

import click

from backstay.environments import (
    Detection,
    Recorded,
    RuntimeEnvironmentAdapter,
    SystemProbe,
    adapter_for,
    declared,
    detect,
)
from backstay_core.environments.adjustment import RULES
from backstay_core.environments.capabilities import ADVANCED, BASIC, COLUMNS, SHORT
from backstay_core.failure import ConfigurationError
from backstay_core.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from backstay_core.environments.reading import Probe, Readings

LARGEST = 16 << 20  # bytes of a recording


def probe(root: str | None, capture: str | None) -> Probe:
    """What answers: this system, or a recording. Raises `ClickException` if that cannot be read."""
    if capture is None:
        return SystemProbe() if root is None else SystemProbe(root)
    try:
        with open(capture, encoding="utf-8") as stream:
            return Recorded.from_data(json.loads(stream.read(LARGEST)))
    except OSError as error:
        raise click.ClickException(f"{capture} cannot be read: {error.strerror}") from None
    except ConfigurationError as error:
        raise click.ClickException(f"{capture}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise click.ClickException(f"{capture} is not JSON: {error}") from None


def look(probe: Probe, environment: str | None) -> tuple[Detection, RuntimeEnvironmentAdapter]:
    """Where it runs, and the adapter of the primary environment. Raises `ConfigurationError`."""
    found = detect(probe, environment)
    return found, adapter_for(found.primary, probe)


def report(found: Detection, adapter: RuntimeEnvironmentAdapter, explain: bool) -> dict[str, Any]:
    """The data of ``--json``; with `explain` all that is known."""
    capabilities = adapter.capabilities()
    data = {**found.to_data(), "capabilities": capabilities.to_data()}
    if explain:
        usual = declared(found.primary)
        data["ruled_out"] = [layer.to_data() for layer in found.ruled_out]
        data["differences"] = {
            name: {"declared": getattr(usual, name), "probed": getattr(capabilities, name)}
            for name in usual.differences(capabilities)
        }
        data["system_info"] = adapter.get_system_info().to_data()
        data["resource_usage"] = adapter.get_resource_usage().to_data()
        data["health"] = adapter.check_health().to_data()
    return data


def lines(data: dict[str, Any]) -> Iterator[str]:
    """The report as text."""
    yield f"{click.style(data['primary'], bold=True)}"
    for layer in data["layers"]:
        yield f"  {layer['environment']}  {layer['confidence']:.0%}"
        for evidence in layer["evidence"]:
            yield f"      {evidence}"
    for layer in data.get("ruled_out", ()):
        yield f"  {click.style('not ' + layer['environment'], dim=True)}"
        for evidence in layer["evidence"]:
            yield f"      for:     {evidence}"
        for against in layer.get("against", ()):
            yield f"      against: {against}"
        if not layer.get("against"):
            yield f"      {layer['confidence']:.0%} is not enough"
    able = [name for name, flag in data["capabilities"].items() if flag]
    yield f"can: {', '.join(able)}"
    for name, flags in data.get("differences", {}).items():
        yield f"  {name}: declared {_word(flags['declared'])}, found {_word(flags['probed'])}"
    for part in ("system_info", "resource_usage"):
        if part in data:
            yield ""
            yield part.replace("_", " ")
            for name, reading in data[part].items():
                shown = "unknown: " + reading["reason"] if reading["value"] is None else reading["value"]
                yield printable(f"  {name:<24} {shown!s:<28} {reading['source']}".rstrip())
    if "health" in data:
        yield ""
        yield f"health: {data['health']['overall_health']}"
        for detail in data["health"]["details"]:
            yield printable(f"  {detail['level']:<9} {detail['message']}")


def _word(flag: bool) -> str:
    return "yes" if flag else "no"


def usage_line(usage: Readings) -> str:
    """One line of ``--watch``: the standard readings; what is not known is a dash."""
    shown = (
        ("cpu", "cpu_usage_percent", "%"),
        ("memory", "memory_usage_percent", "%"),
        ("disk", "disk_usage_percent", "%"),
        ("received", "network_rx_rate", " B/s"),
        ("sent", "network_tx_rate", " B/s"),
    )
    return "  ".join(
        f"{word} {'–' if usage[name].value is None else f'{usage[name].value:.1f}{unit}':>9}"
        for word, name, unit in shown
    )


def matrix() -> str:
    """The declared capabilities as text."""
    rows = [f"{'':<19}" + " ".join(f"{short:>5}" for short in SHORT)]
    for title, table in (("basic", BASIC), ("advanced", ADVANCED)):
        rows.append(title)
        rows += [f"{name:<19}" + " ".join(f"{mark:>5}" for mark in row.split()) for name, row in table.items()]
    return "\n".join(rows)


def matrix_json() -> str:
    """The same as ``{environment: {capability: bool}}``."""
    return json.dumps({column.value: declared(column).to_data() for column in COLUMNS}, indent=2)


def rules() -> str:
    """What `adjust_reliability_strategy` does, a rule a paragraph."""
    lines = []
    for rule in RULES:
        options = ", ".join(f"{name} = {value}" for name, value in rule.options.items())
        lines.append(f"{rule.kind} {rule.where}: {options}")
        lines.append(f"    {rule.why}; not if one of these is set: {', '.join(rule.unless)}")
    return "\n".join(lines)


def rules_json() -> str:
    """The same as a list of {strategy, where, options, unless, why}."""
    data = [
        {"strategy": rule.kind, "where": rule.where, "options": rule.options, "unless": rule.unless, "why": rule.why}
        for rule in RULES
    ]
    return json.dumps(data, indent=2)
