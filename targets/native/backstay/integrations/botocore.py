"""Policies under botocore, and so under boto3 (`backstay[botocore]`).

    guard_client(client, policy)

Rules:

BO1   A call of an API operation is one call under the policy. botocore's own retries are taken out of the client:
      attempts would multiply.
BO2   An operation may be repeated if its name says that it reads, if botocore gives it an idempotency token, which then
      is the same in all attempts, or if `idempotent` names it.
BO3   A parameter that is a file is read again from where it was; of an operation with one that cannot be rewound there
      is one attempt.
BO4   A client is guarded once, and a closed one is refused.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from backstay.integrations.guard import Guard
from backstay.propagation import require
from backstay_core.failure import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection

    from backstay.keyed import Keyed
    from backstay.policy import Policy

__all__ = ["guard_client"]

READING = ("BatchGet", "Describe", "Get", "Head", "List", "Query", "Scan", "Search")


def guard_client(client: Any, policy: Policy | Keyed, *, idempotent: Collection[str] = ()) -> Any:
    """Put all operations of a botocore (or boto3) client under a policy; returns the client.

    `idempotent` names further operations that may be executed twice ("PutItem"). A `Keyed` policy without a key
    function has "service:Operation" as its key. Raises `ConfigurationError` for what is no such client, or is guarded.
    """
    call = getattr(client, "_make_api_call", None)
    if not callable(call) or not hasattr(client, "meta"):
        raise ConfigurationError(f"guard_client takes a botocore client; got {client!r}")
    if "_make_api_call" in vars(client):
        raise ConfigurationError(f"{client!r} is guarded already")
    guard = Guard(policy)
    service = client.meta.service_model.service_name
    hyphenated = client.meta.service_model.service_id.hyphenize()
    client.meta.events.unregister(f"needs-retry.{hyphenated}", unique_id=f"retry-config-{hyphenated}")  # BO1
    close = client.close

    def guarded(operation: str, parameters: dict[str, Any]) -> Any:
        model = client.meta.service_model.operation_model(operation)
        parameters = dict(parameters)
        for token in model.idempotent_members:
            parameters.setdefault(token, str(uuid.uuid4()))
        again = bool(model.idempotent_members) or operation in idempotent or operation.startswith(READING)
        files = [(value, _position(value)) for value in parameters.values() if hasattr(value, "read")]
        chosen = guard.policy_for(
            "PUT" if again else "POST",
            (),
            f"{service}:{operation}",
            operation,
            replayable=all(position is not None for _, position in files),
        )

        def attempt() -> Any:
            require(0)
            for file, position in files:
                if position is not None:
                    file.seek(position)
            return call(operation, parameters)

        return chosen.call(attempt)

    def closing() -> None:
        guard.closed = True
        close()

    client._make_api_call = guarded
    client.close = closing
    return client


def _position(file: Any) -> int | None:
    """Where a file is, if it can be brought back there."""
    try:
        position: int = file.tell()
        file.seek(position)
    except Exception:
        return None
    return position
