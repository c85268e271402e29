"""What a machine tells of environments that are none of its own: a game loop, a client of a chain. See `sources`.

The process or the configuration says that they are there; `setting:` rows hold what the configuration says.
"""

from backstay_core.environments import machine
from backstay_core.environments.machine import same
from backstay_core.environments.sources import From, Row

GAME_INFO = machine.INFO + (
    Row("engine", "", "that runs in this process", From("fact:game_engine", parse=same)),
    Row("frame_time", "s", "that a frame has, as the configuration says", From("setting:frame_time", parse=same)),
)  # fmt: skip

BLOCKCHAIN_INFO = machine.INFO + (
    Row("chain_id", "", "that nodes must be on, as the configuration says", From("setting:chain_id", parse=same)),
    Row("confirmations", "", "after which a transaction counts as final, as the configuration says",
        From("setting:confirmations", parse=same)),
)  # fmt: skip
