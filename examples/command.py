"""A command that downloads a page, by the policy in backstay.toml beside it: ``python command.py [URL]``.

Whoever runs it can change how patient it is without touching code. It ends with 0, or with 1 and one line that says
what happened. Without a URL it brings a server of its own, which fails twice.
"""

import argparse
import sys
import urllib.request
from contextlib import nullcontext
from pathlib import Path

from flaky import serve

import backstay


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Download a page.")
    parser.add_argument("url", nargs="?")
    url = parser.parse_args(arguments).url
    try:
        download = backstay.load(Path(__file__).with_name("backstay.toml")).policies["download"]
    except backstay.ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    download.on("retry", lambda event: print(f"trying again in {event.detail / 1e9:.2f} s", file=sys.stderr))

    @download
    def fetch(url: str) -> str:
        with urllib.request.urlopen(url, timeout=2.0) as response:
            body: bytes = response.read()
        return body.decode()

    with nullcontext(url) if url else serve(503, 503) as place:
        try:
            print(fetch(place))
        except (OSError, backstay.Rejected) as error:
            print(f"{place}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
