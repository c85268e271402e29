"""Compiled frames: a policy and a function fused into one Python function.

The step machine says what a policy means; a frame does the same at the speed of code written by hand for that one
policy. It is generated from validated options only, on the first call, once for each shape of policy and signature. The
strategies' state objects are the same ones, and a frame calls their methods for everything but the healthy path.

Rules of composition (`composer`):

1. Gates that follow one another share one ``try``: a *segment*. Getting in comes right before the ``try``, with no call
   between, so that an interrupt cannot leak a permit.
2. A Retry is fused with the gates right inside it: one handler serves both, and a refusal is raised outside the
   ``try``, because it is never tried again.
3. A Timeout starts a segment of its own: its entry makes calls, and a permit taken before must be inside a ``try`` by
   then.
4. Error exits are nested in ``finally``, so that an interrupt in one does not skip the others.
5. The check of an open breaker is hoisted over all that is around it and would let the refusal pass: Timeouts, Retries,
   Fallbacks for other things, and bulkheads with a free place. A handler costs a refusal 0.1 µs. A Fallback to a value,
   outermost, answers it without an exception, once it is known that it does.
6. A mistake of the user's own code (a coroutine where a result belongs) passes all that judges exceptions. It becomes
   the user's error in the handler of the outermost strategy, unless that may run the user's code itself.
7. With a Cache or an Idempotency a frame takes any arguments, for they are the key as they were given, and not as the
   function's signature would have them.
"""
