"""What all HTTP clients share: which policy a request is sent under, and what it tells the server of its deadline."""

from __future__ import annotations

from backstay.keyed import Keyed
from backstay.policy import Policy
from backstay.propagation import outgoing
from backstay_core.failure import ConfigurationError
from backstay_core.http.semantics import BUFFER, is_repeatable
from backstay_core.strategies.contract import LOOKUP, RACE
from backstay_core.strategies.retry import Retrier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

#  roles of strategies that have no place around a single request, and why
UNFIT = {
    RACE: "answers of attempts side by side cannot be told apart here",
    LOOKUP: "an answer is read once and cannot be given to another request",
}


class Guard:
    """A policy as an HTTP client uses it.

    `policy` is a `Policy`, or a `Keyed` one: without a key function its key is the host and port of the request.
    `deadline_header` names the header that tells the server how much time is left, `margin` seconds less than there is;
    None sends none, and then only a request for which nothing is left is refused. `buffer` is how many bytes of a body
    are kept so that it can be sent again.
    """

    def __init__(
        self, policy: Policy | Keyed, *, deadline_header: str | None = None, margin: float = 0.0, buffer: int = BUFFER
    ) -> None:
        if not isinstance(policy, (Policy, Keyed)):
            raise ConfigurationError(f"an integration takes a policy; got {policy!r}")
        if isinstance(buffer, bool) or not isinstance(buffer, int) or buffer < 0:
            raise ConfigurationError(f"buffer=… is a number of bytes; got {buffer!r}")
        self.policy = policy
        self.name = policy.policy.name if isinstance(policy, Keyed) else policy.name
        self.deadline_header = deadline_header
        self.margin = margin
        self.buffer = buffer
        self.closed = False
        self._retries(policy)
        self.deadline()  # the names of headers are checked here, not with the first request

    def _retries(self, policy: Policy | Keyed) -> bool:
        """Has the policy a Retry? Which requests may be sent again is told to one of them."""
        layers = (policy.policy if isinstance(policy, Keyed) else policy).layers
        for layer in layers:
            if layer.ROLE in UNFIT:
                raise ConfigurationError(
                    f"policy {self.name!r}: {UNFIT[layer.ROLE]}; let the {type(layer.options).__name__} guard the"
                    " function that uses the client"
                )
        found = sum(isinstance(layer, Retrier) for layer in layers)
        if found > 1:
            raise ConfigurationError(
                f"policy {self.name!r}: an HTTP client takes a policy with one Retry; it has {found}"
            )
        return bool(found)

    def deadline(self) -> dict[str, str]:
        """The header of the deadline, for each attempt anew. Raises `DeadlineExceeded` where there is no time."""
        headers = outgoing(self.deadline_header or "x-request-timeout-ms", margin=self.margin)
        return headers if self.deadline_header is not None else {}

    def policy_for(
        self, method: str, headers: Iterable[Any], host: str, request: Any, *, replayable: bool = True
    ) -> Policy:
        """The policy of a request (HS1, HS3). Raises `ConfigurationError` if the client is closed."""
        if self.closed:
            raise ConfigurationError(f"policy {self.name!r}: the client is closed")
        base = self.policy
        found: Any = base
        if isinstance(base, Keyed):
            found = base.of(host) if base.key is None else base.for_call(request)
        if not self._retries(base):
            return found  # type: ignore[no-any-return]
        if not replayable:
            return found.using(attempts=1)  # type: ignore[no-any-return]
        return found.using(idempotent=is_repeatable(method, headers))  # type: ignore[no-any-return]
