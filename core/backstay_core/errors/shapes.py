"""What an exception says through its attributes, whatever library it is from.

=================================================== ====================================================================
attribute                                           whose shape it is
=================================================== ====================================================================
``response["Error"]["Code"]``                       botocore's `ClientError`
``rpc_response["error"]``                           web3's `Web3RPCError`: a JSON-RPC response
``code()`` with a ``name``                          gRPC
``trap_code.name``                                  Wasmtime's `Trap`
``status_code``, ``status``, ``code``,              httpx, requests, aiohttp, urllib, google-api-core …: an HTTP status
``response.status_code`` or ``.status``
``code`` below −32000                               JSON-RPC clients; ``data`` beside it
=================================================== ====================================================================

Attributes are read with suspicion: one that raises is as good as absent.
"""

from backstay_core.errors.aws import from_aws
from backstay_core.errors.grpc import GRPC, from_grpc
from backstay_core.errors.http import from_http_status
from backstay_core.errors.jsonrpc import from_jsonrpc, is_code
from backstay_core.errors.wasm import from_wasm_trap
from backstay_core.failure import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

#  An exception (or its class) that has none of these has no shape.
ATTRIBUTES = ("response", "status_code", "status", "code", "rpc_response", "trap_code")

_PUSHBACK = "grpc-retry-pushback-ms"


def from_attributes(error: BaseException, names: "Sequence[str]", now: "int | None" = None) -> "Failure | None":
    """The failure that the attributes of `error` speak of, or None.

    `names` are those of `ATTRIBUTES` that it may have; `now` is the wall clock (ns), for dates in headers. The message
    is left to `error`. Never raises an `Exception`.
    """
    try:
        failure = _shape({name: read(error, name) for name in names}, error, now)
    except Exception:
        return None
    if failure is not None:
        failure._message = None
        failure.cause = error
    return failure


def read(error: "Any", name: str) -> "Any":
    """The attribute, or None if it is absent or raises."""
    try:
        return getattr(error, name, None)
    except Exception:
        return None


def _shape(held: "dict[str, Any]", error: BaseException, now: "int | None") -> "Failure | None":
    response = held.get("response")
    if isinstance(response, dict):
        found = _aws(response, now)
        if found is not None:
            return found
    reply = held.get("rpc_response")
    if isinstance(reply, dict) and isinstance(reply.get("error"), dict):
        return from_jsonrpc(reply)
    code = held.get("code")
    if callable(code):
        name = read(code(), "name")
        return _grpc(error, name) if isinstance(name, str) and name in GRPC else None
    trap = held.get("trap_code")
    if trap is not None and isinstance(read(trap, "name"), str):
        return from_wasm_trap(trap.name)
    if isinstance(code, int) and is_code(code):
        return from_jsonrpc({"code": code, "data": read(error, "data")})
    for name in ("status_code", "status"):
        if _is_status(held.get(name)):
            return _http(held[name], error, response, now)
    if response is not None:
        for name in ("status_code", "status"):
            status = read(response, name)
            if _is_status(status):
                return _http(status, error, response, now)
    return _http(code, error, response, now) if _is_status(code) else None


def _is_status(status: object) -> bool:
    return isinstance(status, int) and 400 <= status <= 599


def _http(status: "Any", error: BaseException, response: "Any", now: "int | None") -> Failure:
    headers = None if response is None else read(response, "headers")
    return from_http_status(status, read(error, "headers") if headers is None else headers, now)


def _aws(response: "dict[Any, Any]", now: "int | None") -> "Failure | None":
    error = response.get("Error")
    metadata = response.get("ResponseMetadata")
    if not isinstance(error, dict) or not isinstance(error.get("Code"), str):
        return None
    if not isinstance(metadata, dict):
        metadata = {}
    return from_aws(error["Code"], metadata.get("HTTPStatusCode"), metadata.get("HTTPHeaders"), now)


def _grpc(error: BaseException, name: str) -> Failure:
    pushback = None
    trailing = read(error, "trailing_metadata")
    if callable(trailing):
        try:
            pairs: "Any" = trailing()
            for key, value in pairs or ():
                if key == _PUSHBACK:
                    pushback = _milliseconds(value)
        except Exception:
            pushback = None
    return from_grpc(name, pushback_ms=pushback)


def _milliseconds(value: "Any") -> int:
    """The pushback; one that is no number asks not to be tried again (gRFC A6)."""
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else -1
