"""One small emitter for each strategy: what it does in a frame.

An emitter writes the healthy path out and calls the strategy for everything else. ``_bs_L2`` is the state of the
strategy at position 2, ``_bs_p2`` the permit it gave, ``_bs_at2`` its name in errors, ``_bs_d2`` its deadline,
``_bs_n2`` the attempts made; ``_bs_r`` is the result, ``_bs_e`` the error, ``_bs_P`` the policy. ``_bs_x``, ``_bs_v``,
``_bs_w`` and ``_bs_b`` live for a line or two. ``_bs_K`` is the call's `Keeping`, ``_bs_m`` whether an attempt has
returned ``_bs_r`` (`lookup`); ``_bs_j`` is the failure that was injected last, ``_bs_g2`` a random stream (`inject`).
"""
