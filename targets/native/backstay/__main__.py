"""The `backstay` command. Its parts are loaded only when it runs, and need the `cli` extra."""

import sys


def main() -> int:
    try:
        __import__("click")
        __import__("rich")
    except ImportError:
        print("backstay: the command line needs the 'cli' extra: pip install 'backstay[cli]'", file=sys.stderr)
        return 2
    from backstay.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
