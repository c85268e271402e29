"""The middleware's export: a request comes in, the policy decides, an upstream answers.

Nothing of an instance is made when the component is built: the first request reads the environment. An instance handles
one request at a time (WASI 0.2), so nothing ever waits for another request of it.
"""

from settings import Answer, Settings, answer_of, refusal_of
from wire import Attempt, Request, drop, headers_of, relay, say
from wit_world.imports import environment, monotonic_clock, poll, random, stderr, wall_clock

from backstay_core.errors.http import from_http_status
from backstay_core.execution import (
    ABORT,
    ATTEMPT,
    CANCEL,
    COMPLETE,
    ERROR,
    FAIL,
    OK,
    START,
    SUBSTITUTE,
    WAIT,
    WAKE,
    Execution,
)
from backstay_core.failure import NEVER, ConfigurationError, Failure
from backstay_core.http.semantics import is_failure

SETTINGS: "list[Settings]" = []
BROKEN = Answer(500, [("content-type", b"text/plain; charset=utf-8")], b"the middleware failed\n")


def settings() -> Settings:
    if not SETTINGS:
        SETTINGS.append(Settings(dict(environment.get_environment()), random.get_random_u64()))
    return SETTINGS[0]


def log(line: str) -> None:
    stream = stderr.get_stderr()
    stream.blocking_write_and_flush(("backstay: " + line)[:2000].encode("utf-8", "replace")[:4000] + b"\n")
    drop(stream)


class Call:
    """One request's way through the policy."""

    def __init__(self, settings: Settings, request: Request) -> None:
        self.settings = settings
        self.request = request
        policy = settings.policy_for(request.method, request.headers, request.rest is None)
        self.execution = Execution(policy)
        self.attempt: Attempt | None = None
        self.response = None  # of the upstream, the latest one
        self.result = None  # of the latest operation: an answer or a failure
        self.until = NEVER

    def run(self):  # type: ignore[no-untyped-def]
        """The answer: the upstream's response or an `Answer`."""
        event = (START,)
        while True:
            for action in self.execution.step(event, monotonic_clock.now()):
                what = action[0]
                if what == COMPLETE or (what == FAIL and action[1]):
                    return refusal_of(self.result) if isinstance(self.result, Failure) else self.result
                if what == FAIL:
                    return refusal_of(action[2])
                self.perform(action)
            event = self.next()

    def perform(self, action) -> None:  # type: ignore[no-untyped-def]
        what = action[0]
        if what == CANCEL:
            self.stop()
        elif what == WAIT:
            self.until = action[1]
        else:
            self.token, self.until = action[1], action[2]
            if what == ATTEMPT:
                self.stop()
                self.attempt = Attempt(self.settings, self.request)
            elif what == SUBSTITUTE:
                self.result = answer_of(self.execution.layers[action[3]].options.value)

    def next(self):  # type: ignore[no-untyped-def]
        """Wait for what comes next."""
        if self.attempt is None:
            if isinstance(self.result, Answer):
                return (OK, self.token, None)
            self.sleep([])
            return (WAKE,)
        found = self.attempt.advance()
        while found is None:
            if self.until <= monotonic_clock.now():
                return (WAKE,)
            self.sleep(self.attempt.waiting())
            found = self.attempt.advance()
        self.attempt.close()
        self.attempt = None
        self.result = found
        if isinstance(found, Failure):
            return (ERROR, self.token, found)
        self.response = found
        status = found.status()
        if not is_failure(status):
            return (OK, self.token, str(status))
        clock = wall_clock.now()
        now = clock.seconds * 1_000_000_000 + clock.nanoseconds
        headers = [(name, value.decode("latin-1")) for name, value in headers_of(found)]
        return (ERROR, self.token, from_http_status(status, headers, now=now))

    def sleep(self, pollables) -> None:  # type: ignore[no-untyped-def]
        """Until one of them is ready, or the time has come."""
        if self.until < NEVER:
            pollables.append(monotonic_clock.subscribe_instant(self.until))
        poll.poll(pollables)
        drop(*pollables)

    def stop(self) -> None:
        """Have done with the operation: the attempt that runs, the answer that came."""
        if self.attempt is not None:
            self.attempt.close()
            self.attempt = None
        drop(self.response)
        self.response = self.result = None

    def close(self, answer) -> None:  # type: ignore[no-untyped-def]
        """Give back what it holds; `answer` goes on."""
        self.execution.step((ABORT,), monotonic_clock.now())
        if self.response is answer:
            self.response = None
        self.stop()
        self.request.close()


class IncomingHandler:
    def handle(self, request, response_out):  # type: ignore[no-untyped-def]
        """Nothing may escape: it would end the instance, and what it has counted."""
        begun = False
        try:
            call = Call(settings(), Request(request))
            answer = None
            try:
                answer = call.run()
            finally:
                call.close(answer)
            begun = True
            (say if isinstance(answer, Answer) else relay)(response_out, answer)
        except ConfigurationError as error:
            log(str(error))
            say(response_out, BROKEN)
        except Exception as error:
            log(f"{type(error).__name__}: {error}")
            if not begun:
                say(response_out, BROKEN)
