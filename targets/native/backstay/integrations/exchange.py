"""How the answers to a request go through a policy.

Inside the policy an answer that is a failure (`backstay_core.http.semantics`) is an exception, `Answered`, so that
breakers count it and Retries heed its Retry-After. Outside it is an answer again: whoever calls gets the last one.
"""

from __future__ import annotations

from backstay.ambient import remaining
from backstay_core.http.semantics import DRAIN, is_failure, is_short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from backstay.integrations.guard import Guard
    from backstay.policy import Policy


class Answered(Exception):
    """An answer that is a failure. `response` is the library's own."""

    def __init__(self, status: int, headers: Any, response: Any) -> None:
        super().__init__(f"HTTP {status}")
        self.status_code = status
        self.headers = headers
        self.answer = response


class Exchange:
    """A request and its answers so far: of those that failed at most one is open.

    `pieces` gives what is left of an answer, if it can as it came (it may be packed to a thousandth), and `close`
    closes it, as the library does; `status` names the attribute of an answer that has its status.
    """

    __slots__ = ("answer", "close", "guard", "pieces", "request", "status")

    def __init__(
        self,
        guard: Guard,
        request: Any,
        *,
        pieces: Callable[[Any], Any],
        close: Callable[[Any], Any],
        status: str = "status_code",
    ) -> None:
        self.guard = guard
        self.request = request
        self.pieces = pieces
        self.close = close
        self.status = status
        self.answer: Any = None

    def judge(self, answer: Any) -> Any:
        """The answer, if it is none that the policy judges. Raises `Answered` for the others."""
        status = getattr(answer, self.status)
        if not is_failure(status):
            return answer
        self.answer = answer
        raise Answered(status, answer.headers, answer)

    def take(self) -> Any:
        """The answer that is open, which is somebody else's from now on."""
        answer, self.answer = self.answer, None
        return answer

    def call(self, policy: Policy, send: Callable[[], Any]) -> Any:
        """The answer to what `send` sends, as often as the policy lets it."""

        def attempt() -> Any:
            self._drop()
            self.request.headers.update(self.guard.deadline())
            return self.judge(send())

        try:
            return policy.call(attempt)
        except Answered as answered:
            self.take()
            return answered.answer
        finally:
            answer = self.take()
            if answer is not None:
                self.close(answer)

    def _drop(self) -> None:
        """Have done with the answer of the last attempt (HS5)."""
        answer = self.take()
        if answer is not None:
            try:
                if is_short(answer.headers.get("Content-Length")):
                    left = DRAIN  # for it may lie
                    for piece in self.pieces(answer):
                        left -= len(piece)
                        if left < 0 or remaining() == 0:
                            break
            except Exception:  # what it would have said does not matter any more
                pass
            finally:
                self.close(answer)

    async def acall(self, policy: Policy, send: Callable[[], Awaitable[Any]]) -> Any:
        """`call` where sending and reading are awaited, and closing perhaps."""

        async def attempt() -> Any:
            await self._adrop()
            self.request.headers.update(self.guard.deadline())
            return self.judge(await send())

        try:
            return await policy.acall(attempt)
        except Answered as answered:
            self.take()
            return answered.answer
        finally:
            answer = self.take()
            if answer is not None:
                await self._aclose(answer)

    async def _adrop(self) -> None:
        answer = self.take()
        if answer is not None:
            try:
                if is_short(answer.headers.get("Content-Length")):
                    left = DRAIN
                    async for piece in self.pieces(answer):
                        left -= len(piece)
                        if left < 0:
                            break
            except Exception:  # as above
                pass
            finally:
                await self._aclose(answer)

    async def _aclose(self, answer: Any) -> None:
        closing = self.close(answer)
        if closing is not None:
            await closing
