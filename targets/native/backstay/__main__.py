"""The `backstay` command. Its parts are loaded only when it runs, and need the `cli` extra."""

import sys
from importlib.util import find_spec

EXTRA = ("click", "rich")


def main() -> int:
    if not all(find_spec(name) for name in EXTRA):
        print("backstay: the command line needs the 'cli' extra: pip install 'backstay[cli]'", file=sys.stderr)
        return 2
    try:
        from backstay.cli import main as run
    except KeyboardInterrupt:
        print("backstay: interrupted", file=sys.stderr)
        return 130
    return run()


if __name__ == "__main__":
    sys.exit(main())
