"""wasi:http, as `app` needs it: a request that is read, one that is sent, an answer that is passed on.

A stream is a child of its body and a pollable one of its stream: children are dropped first, or the host traps.
"""

from componentize_py_types import Err, Ok
from settings import KINDS, Answer, Settings, passed_on
from wit_world.imports import outgoing_handler, types
from wit_world.imports.streams import StreamError_Closed

from backstay_core.failure import Failure
from backstay_core.http.semantics import BUFFER

PIECE = 16_384  # bytes read at a time
SPLICED = 65_536  # … and passed on by the host without coming in here
METHODS = {name.upper(): getattr(types, "Method_" + name) for name in (
    "Get", "Head", "Post", "Put", "Delete", "Connect", "Options", "Trace", "Patch")}  # fmt: skip


def drop(*resources):  # type: ignore[no-untyped-def]
    """Have done with resources, in this order."""
    for resource in resources:
        if resource is not None:
            resource.__exit__(None, None, None)


def ended(error):  # type: ignore[no-untyped-def]
    """Is it the end of a stream? Anything else is a failure."""
    return isinstance(error.value, StreamError_Closed)


class Request:
    """A request: its head, and its body as far as it is kept. `rest` is the stream of what follows, or None."""

    def __init__(self, incoming):  # type: ignore[no-untyped-def]
        method = incoming.method()
        self.method = method.value if isinstance(method, types.Method_Other) else type(method).__name__[7:].upper()
        self.path = incoming.path_with_query() or "/"
        headers = incoming.headers()
        self.headers = passed_on(headers.entries())
        self.kept = b""
        self.body = incoming.consume()
        self.rest = self.body.stream()
        drop(headers)
        try:
            while len(self.kept) <= BUFFER:
                self.kept += self.rest.blocking_read(PIECE)
        except Err as error:
            if not ended(error):
                raise
            self.close()

    def close(self):  # type: ignore[no-untyped-def]
        drop(self.rest, self.body)
        self.rest = self.body = None


class Attempt:
    """A request on its way. `advance` does what can be done without waiting, `waiting` says what for."""

    def __init__(self, settings: Settings, request: Request) -> None:
        head = types.OutgoingRequest(types.Fields.from_list(request.headers))
        known = METHODS.get(request.method)
        head.set_method(types.Method_Other(request.method) if known is None else known())
        head.set_scheme(types.Scheme_Https() if settings.https else types.Scheme_Http())
        head.set_authority(settings.authority)
        head.set_path_with_query(settings.prefix + request.path)
        self.request = request
        self.left = request.kept
        self.body = head.body() if request.kept else None
        self.stream = None if self.body is None else self.body.write()
        self.future = None
        try:
            self.future = outgoing_handler.handle(head, None)
        except Err as error:
            self.failed = failure_of(error.value)

    def advance(self):  # type: ignore[no-untyped-def]
        """The upstream's answer, a `Failure`, or None: neither is there yet."""
        if self.future is None:
            return self.failed
        if self.stream is not None:
            self._write()
        found = self.future.get()
        if found is None:
            return None
        inner = found.value if isinstance(found, Ok) else found
        return inner.value if isinstance(inner, Ok) else failure_of(inner.value)

    def waiting(self):  # type: ignore[no-untyped-def]
        """Pollables; whoever asks drops them."""
        found = [self.future.subscribe()]
        if self.stream is not None:
            hungry = not self.left and self.request.rest is not None
            found.append((self.request.rest if hungry else self.stream).subscribe())
        return found

    def _write(self) -> None:
        """Some of the body. What goes wrong is said by the future."""
        request = self.request
        try:
            while room := self.stream.check_write():
                if not self.left and request.rest is not None:
                    try:
                        self.left = request.rest.read(PIECE)
                    except Err as error:
                        if not ended(error):
                            raise
                        request.close()
                    else:
                        if not self.left:
                            return
                if not self.left:
                    break
                self.stream.write(self.left[:room])
                self.left = self.left[room:]
            else:
                return
        except Err:
            self._abandon()
            return
        drop(self.stream)
        body, self.stream, self.body = self.body, None, None
        try:
            types.OutgoingBody.finish(body, None)
        except Err:
            pass

    def _abandon(self) -> None:
        drop(self.stream, self.body)
        self.stream = self.body = None

    def close(self) -> None:
        """Stop it: an answer that has not come is not waited for."""
        self._abandon()
        drop(self.future)
        self.future = None


def failure_of(code):  # type: ignore[no-untyped-def]
    """The failure that an error code of wasi:http is."""
    name = "" if code is None else type(code).__name__.partition("_")[2]
    return Failure(KINDS.get(name, "unavailable"), reason=name, domain="wasi-http")


def headers_of(response):  # type: ignore[no-untyped-def]
    headers = response.headers()
    found = headers.entries()
    drop(headers)
    return found


def begin(out, status, headers):  # type: ignore[no-untyped-def]
    """Send the head of an answer; its body."""
    response = types.OutgoingResponse(types.Fields.from_list(headers))
    response.set_status_code(status)
    body = response.body()
    types.ResponseOutparam.set(out, Ok(response))
    return body


def say(out, answer: Answer) -> None:  # type: ignore[no-untyped-def]
    """Send an answer of our own."""
    body = begin(out, answer.status, answer.headers)
    sink = body.write()
    try:
        for at in range(0, len(answer.body), 4096):
            sink.blocking_write_and_flush(answer.body[at : at + 4096])
        drop(sink)
        types.OutgoingBody.finish(body, None)
    except Err:  # the client has gone
        pass


def relay(out, response) -> None:  # type: ignore[no-untyped-def]
    """Pass the upstream's answer on, piece by piece. One that breaks off is broken off."""
    status, headers = response.status(), passed_on(headers_of(response))
    source_body = response.consume()
    source = source_body.stream()
    body = begin(out, status, headers)
    sink = body.write()
    whole = False
    try:
        while True:
            sink.blocking_splice(source, SPLICED)
    except Err as error:
        whole = ended(error)
    drop(sink, source, source_body, response)
    if not whole:
        drop(body)
        return
    try:
        types.OutgoingBody.finish(body, None)
    except Err:
        pass
