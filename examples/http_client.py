"""A guarded HTTP client: an error status is a failure, classified like any other; what it means decides what happens.

A 503 is tried again, a 404 is the caller's mistake and is not; neither the caller nor the policy names a status.
"""

import httpx
from flaky import serve

from backstay import Budget, CircuitBreaker, Policy, Retry, Timeout

quotes = Policy(
    "quotes",
    Timeout(5.0),  # the whole call
    Retry(attempts=3, idempotent=True, base=0.01, budget=Budget()),  # GET may be executed twice
    CircuitBreaker(open_for=30.0),
    Timeout(1.0),  # an attempt; sync code is not interrupted by it, so httpx has a timeout of its own below
)


@quotes
def get(client: httpx.Client, path: str) -> str:
    response = client.get(path, timeout=1.0)
    response.raise_for_status()
    return response.text


def main() -> None:
    quotes.on("retry", lambda event: print("tried again"))
    with serve(503, 503, 200, 404) as url, httpx.Client(base_url=url) as client:
        print("quote:", get(client, "/ACME"))
        try:
            get(client, "/NOBODY")
        except httpx.HTTPStatusError as error:  # what httpx raised, unchanged
            print("no quote:", error.response.status_code)


if __name__ == "__main__":
    main()
