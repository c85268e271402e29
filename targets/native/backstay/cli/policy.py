"""`backstay policy`: list, explain, lint, diagram."""

from __future__ import annotations

import click

from backstay.cli.files import Unusable, file_argument, json_option, running
from backstay_core.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backstay.policy import Policy

FINDINGS = 1
WIDTH, PICTURE = 72, 60  # at most, where the terminal is wide enough

name_option = click.option("--policy", "name", metavar="NAME", help="Only the policy of that name.")


@click.group(short_help="Look at the policies of a configuration file.")
def policy() -> None:
    """Look at the policies of a configuration file."""


def chosen(file: str, name: str | None) -> dict[str, Policy]:
    from backstay_core.options import nearest

    policies = dict(running(file).policies)
    if name is None:
        return policies
    if name not in policies:
        hint = nearest(name, tuple(policies))
        raise Unusable(
            f"{file} has no policy {name!r}"
            + (f"; did you mean {hint!r}?" if hint else f"; it has {', '.join(policies) or 'none'}")
        )
    return {name: policies[name]}


def as_text(data: object) -> str:
    import json

    return json.dumps(data, indent=2)


@policy.command("list", short_help="Name the policies and their strategies.")
@file_argument
@json_option
def list_(file: str, as_json: bool) -> int:
    """Name the policies in FILE and their strategies, outermost first."""
    kinds = {name: [options.KIND for options in policy.options()] for name, policy in chosen(file, None).items()}
    if as_json:
        click.echo(as_text(kinds))
    for name, strategies in {} if as_json else kinds.items():
        click.echo(f"{printable(name)}: {' > '.join(strategies) or 'no strategies'}")
    return 0


@policy.command(short_help="Say in plain words what a policy does.")
@file_argument
@name_option
@json_option
def explain(file: str, name: str | None, as_json: bool) -> int:
    """Say in plain words what each strategy does, what a call may cost at worst, and draw that worst case:
    ``|===`` are attempts, ``...`` pauses, ``:::`` waits for a place."""
    from backstay_core.advice.explain import explain, explain_worst_case
    from backstay_core.advice.timeline import draw, worst_timeline

    policies = chosen(file, name)
    told = {
        title: {"strategies": explain(policy.options()), "worst_case": explain_worst_case(policy.options())}
        for title, policy in policies.items()
    }
    if as_json:
        click.echo(as_text(told))
        return 0
    width = columns()
    for i, (title, policy) in enumerate(policies.items()):
        click.echo(("\n" if i else "") + click.style(printable(title), bold=True))
        for number, sentence in enumerate(told[title]["strategies"], 1):
            click.echo(click.wrap_text(sentence, min(WIDTH, width), f"  {number}. ", "     "))
        for sentence in told[title]["worst_case"]:
            click.echo(click.wrap_text(sentence, min(WIDTH, width), "  ", "  "))
        for line in draw(worst_timeline(policy.options()), min(PICTURE, width - 2)):
            click.echo(f"  {line}")
    return 0


def columns() -> int:
    """How wide the terminal is; without one, what a person reads well."""
    import shutil

    return max(20, shutil.get_terminal_size().columns)


@policy.command(short_help="Say what is risky in a policy.")
@file_argument
@name_option
@json_option
def lint(file: str, name: str | None, as_json: bool) -> int:
    """Say what is risky in the policies of FILE, why, and what to do. The exit code is 1 if anything is."""
    from backstay_core.advice.lint import lint

    found = {title: lint(policy.options()) for title, policy in chosen(file, name).items()}
    if as_json:
        click.echo(as_text({title: [finding.to_data() for finding in rows] for title, rows in found.items()}))
    for title, findings in {} if as_json else found.items():
        for finding in findings:
            place = f"{printable(title)}, strategy {finding.position}"
            click.echo(f"{click.style(finding.rule, fg='yellow')} {place}: {finding.text}; {finding.remedy}")
        if not findings:
            click.echo(f"{printable(title)}: nothing to say")
    return FINDINGS if any(found.values()) else 0


@policy.command(short_help="Draw the composition of a policy.")
@file_argument
@name_option
@click.option("--mermaid", is_flag=True, help="As a Mermaid flowchart, for pages that draw those.")
@json_option
def diagram(file: str, name: str | None, mermaid: bool, as_json: bool) -> int:
    """Draw the strategies of a policy as boxes in boxes, outermost first. As JSON: the lines of each picture."""
    if as_json:
        draw = flowchart if mermaid else boxes
        kinds_by_name = {
            title: [each.KIND for each in policy.options()] for title, policy in chosen(file, name).items()
        }
        click.echo(as_text({title: draw(title, kinds) for title, kinds in kinds_by_name.items()}))
        return 0
    for i, (title, policy) in enumerate(chosen(file, name).items()):
        kinds = [options.KIND for options in policy.options()]
        if i:
            click.echo()
        click.echo("\n".join(flowchart(title, kinds) if mermaid else boxes(title, kinds)))
    return 0


def boxes(title: str, kinds: list[str]) -> list[str]:
    inner = ["your function"]
    for kind in [*reversed(kinds), printable(title)]:
        width = max(len(kind) + 2, *map(len, inner)) + 1
        inner = [f"+- {kind} ".ljust(width + 2, "-") + "+", *(f"| {line}".ljust(width + 2) + "|" for line in inner)]
        inner.append("+" + "-" * (width + 1) + "+")
    return inner


def flowchart(title: str, kinds: list[str]) -> list[str]:
    names = [*kinds, "your function"]
    shown = printable(title).replace('"', "#quot;")  # as Mermaid writes it
    lines = ["flowchart LR", f'  call(["{shown}"])']
    lines += [f'  n{i}["{kind}"]' for i, kind in enumerate(names)]
    return [*lines, "  " + " --> ".join(["call", *(f"n{i}" for i in range(len(names)))])]
