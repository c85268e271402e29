"""What the middleware goes by: the environment, what a policy may be here, and what answers it makes by itself.

Rules:

WH1   ``BACKSTAY_UPSTREAM`` is an ``http://`` or ``https://`` URL without query; the path of a request is put behind its
      path. ``BACKSTAY_POLICY`` is a document with one policy (`backstay_core.documents`), of gates, Timeouts, Fallbacks
      and at most one Retry.
WH2   What may be sent again is told to the Retry for each request (`backstay_core.http.semantics`, HS1, HS3). Gates and
      the retry budget are the same for all requests.
WH3   What the policy refuses is answered with 503 and Retry-After: the pause that the refusal names, in whole seconds
      rounded up, else 1. What takes too long is 504, an upstream that gives no answer 502. A Fallback's value is a
      status, or an object with ``status`` and any of ``headers`` and ``body``.
"""

from backstay_core.documents import EngineError, policies_of
from backstay_core.failure import ConfigurationError, Failure
from backstay_core.http.semantics import is_repeatable
from backstay_core.policy import Policy, Shared
from backstay_core.rng import stream
from backstay_core.strategies.contract import BOUND, DRIVER, GATE, SUBSTITUTE
from backstay_core.strategies.retry import Retrier

UPSTREAM = "BACKSTAY_UPSTREAM"
POLICY = "BACKSTAY_POLICY"
ROLES = (GATE, BOUND, DRIVER, SUBSTITUTE)

#  what may be sent: again as it is, again if it was not executed, once
AGAIN, CAREFULLY, ONCE = "again", "carefully", "once"
CHANGES: dict[str, dict[str, object]] = {AGAIN: {"idempotent": True}, CAREFULLY: {}, ONCE: {"attempts": 1}}

#  RFC 9110, 7.6.1: of a connection, not of the message; and what the authority stands for
HOP_BY_HOP = frozenset(
    ("connection", "host", "http2-settings", "keep-alive", "proxy-authenticate", "proxy-authorization",
     "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade")
)  # fmt: skip

#  cases of wasi:http's error-code → kind; all others are "unavailable"
KINDS = {
    **dict.fromkeys(("DnsTimeout", "DnsError", "DestinationNotFound", "DestinationUnavailable"), "connect"),
    **dict.fromkeys(("DestinationIpUnroutable", "ConnectionRefused", "ConnectionTimeout"), "connect"),
    **dict.fromkeys(("TlsProtocolError", "TlsCertificateError", "TlsAlertReceived"), "connect"),
    **dict.fromkeys(("ConnectionTerminated", "HttpResponseIncomplete", "HttpProtocolError"), "disconnect"),
    **dict.fromkeys(("ConnectionReadTimeout", "ConnectionWriteTimeout", "HttpResponseTimeout"), "timeout"),
    **dict.fromkeys(("DestinationIpProhibited", "HttpRequestDenied"), "permission"),
}


class Borrowed(Shared):
    """A state that stands in several policies of one instance."""

    def __init__(self, state) -> None:  # type: ignore[no-untyped-def]
        self.name = state.options.KIND
        self.options = state.options
        self.state = state


class Answer:
    """An answer that no upstream has given."""

    def __init__(self, status: int, headers: "list[tuple[str, bytes]]", body: bytes) -> None:
        self.status = status
        self.headers = [*headers, ("content-length", str(len(body)).encode())]
        self.body = body


class Settings:
    """An instance's upstream and policies. Raises `ConfigurationError`; `seed` stands in for one that is not given."""

    def __init__(self, environment: "dict[str, str]", seed: int) -> None:
        self.https, self.authority, self.prefix = upstream_of(environment.get(UPSTREAM, ""))
        try:
            policies = policies_of(environment.get(POLICY, ""), seed)
        except EngineError as error:
            raise ConfigurationError(f"{POLICY}: {error.message}") from None
        if len(policies) != 1:
            raise ConfigurationError(f"{POLICY} must have one policy; it has {len(policies)}")
        policy = policies[0]
        for layer in policy.layers:
            if layer.ROLE not in ROLES:
                raise ConfigurationError(f"{POLICY}: a {layer.options.KIND} cannot stand in a policy here")
            if layer.ROLE == SUBSTITUTE:
                answer_of(layer.options.value)
        if sum(isinstance(layer, Retrier) for layer in policy.layers) > 1:
            raise ConfigurationError(f"{POLICY}: at most one retry can stand in a policy here")
        self.policies = {how: _changed(policy, i, CHANGES[how]) for i, how in enumerate(CHANGES)}

    def policy_for(self, method: str, headers: "list[tuple[str, bytes]]", whole: bool) -> Policy:
        """The policy of a request; `whole`: all of its body is at hand."""
        if not whole:
            return self.policies[ONCE]
        return self.policies[AGAIN if is_repeatable(method, [name for name, _ in headers]) else CAREFULLY]


def _changed(policy: Policy, number: int, changes: "dict[str, object]") -> Policy:
    parts: list[object] = []
    for layer in policy.layers:
        if isinstance(layer, Retrier):
            budget = {} if layer.budget is None else {"budget": Borrowed(layer.budget)}
            parts.append(layer.options.replace(**changes, **budget))
        else:
            parts.append(Borrowed(layer))
    return Policy(policy.name, *parts, seed=stream(policy.seed, number).next())  # type: ignore[arg-type]


def upstream_of(url: str) -> "tuple[bool, str, str]":
    """Is it https; host and port; the path before all paths, without a slash at its end."""
    scheme, found, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    if not found or scheme not in ("http", "https") or not authority or any(mark in url for mark in "?#@ "):
        raise ConfigurationError(  # without the URL: it may hold a password
            f"{UPSTREAM} must be http://host:port/path or https://…, without user, query and fragment"
        )
    return scheme == "https", authority, ("/" + path.rstrip("/")) if path else ""


def answer_of(value: object) -> Answer:
    """The answer that a Fallback's value stands for."""
    row = value if isinstance(value, dict) else {"status": value}
    status, headers, body = row.get("status"), row.get("headers", {}), row.get("body", "")
    if (
        row.keys() - {"status", "headers", "body"}
        or isinstance(status, bool)
        or not (isinstance(status, int) and 200 <= status <= 599)
        or not (isinstance(headers, dict) and all(isinstance(text, str) for text in headers.values()))
        or not isinstance(body, str)
    ):
        raise ConfigurationError(
            f"{POLICY}: a fallback's value is a status from 200 to 599, or an object with status, headers and body;"
            f" got {value!r}"
        )
    return Answer(status, [(name, text.encode()) for name, text in headers.items()], body.encode())


def refusal_of(failure: Failure) -> Answer:
    """The answer to a request that has none of the upstream."""
    text = [("content-type", b"text/plain; charset=utf-8")]
    if failure.kind == "timeout" or failure.reason == "NO_TIME":
        return Answer(504, text, b"there was not enough time\n")
    if failure.kind == "rejected":
        pause = 1 if failure.retry_after is None else max(1, -(-failure.retry_after // 1_000_000_000))
        return Answer(503, [*text, ("retry-after", str(pause).encode())], b"the service is busy\n")
    return Answer(502, text, b"the upstream gave no answer\n")


def passed_on(headers: "list[tuple[str, bytes]]") -> "list[tuple[str, bytes]]":
    """The headers that go on to the next hop."""
    return [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP]
