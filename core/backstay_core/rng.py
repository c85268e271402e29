"""A small seeded generator, identical on every runtime.

SplitMix64 (Steele, Lea, Flood: *Fast splittable pseudorandom number generators*, OOPSLA 2014; the constants are those
of its reference implementation). It is not for secrets.

Every call draws from a stream of its own, derived from the policy's seed and the call's number, so that what other
calls do in between changes nothing and a trace can be replayed from its seed.
"""

_MASK = 0xFFFFFFFFFFFFFFFF
_GAMMA = 0x9E3779B97F4A7C15


def mix(z: int) -> int:
    """The SplitMix64 finaliser: a bijection of 64-bit integers."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


class Rng:
    """A stream of 64-bit numbers. `state` is all there is to save."""

    __slots__ = ("state",)

    def __init__(self, seed: int) -> None:
        self.state = seed & _MASK

    def next(self) -> int:
        """The next number of the stream, 0 ≤ n < 2**64."""
        self.state = state = (self.state + _GAMMA) & _MASK
        return mix(state)

    def below(self, bound: int) -> int:
        """A number 0 ≤ n < bound, by multiply and shift (Lemire 2019, without rejection).

        For bound ≤ 2**63 the bias is at most bound / 2**64: for delays under a day, less than 1 in 200 000.
        """
        return (self.next() * bound) >> 64


def stream(seed: int, number: int, salt: int = 0) -> Rng:
    """The stream of call `number`; `salt` keeps the strategies of one policy apart."""
    return Rng(mix((seed + mix((number * _GAMMA + salt) & _MASK)) & _MASK))
