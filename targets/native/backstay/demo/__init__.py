"""The demo: one seeded load on an upstream that fails in four ways, unprotected and through a policy.

`scenario` says what happens, as data. `upstream` is the upstream's behaviour in time, without sockets; `protection` is
the policy. `live` runs both over real sockets (`server`, `client`), `virtual` in virtual time on the step machine.
Either gives an `outcome`, which `report` writes.
"""
