"""The `backstay` command. Its parts are loaded only when it runs, and need the `cli` extra."""

import sys


def main() -> int:
    try:
        import click  # noqa: F401
        import rich  # noqa: F401
    except ImportError:
        print("backstay: the command line needs the 'cli' extra: pip install 'backstay[cli]'", file=sys.stderr)
        return 2
    from backstay.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
