"""The `backstay` command. Its parts are loaded only when it runs, and need the `cli` extra."""

import sys
from importlib.util import find_spec
from io import TextIOWrapper

EXTRA = ("click", "rich")


def main() -> int:
    try:
        if not all(find_spec(name) for name in EXTRA):
            print("backstay: the command line needs the 'cli' extra: pip install 'backstay[cli]'", file=sys.stderr)
            return 2
        from backstay.cli import main as run

        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # None where it is closed
                stream.reconfigure(errors="backslashreplace")  # whatever an encoding lacks
        return run()
    except KeyboardInterrupt:
        print("backstay: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
