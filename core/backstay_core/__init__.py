"""The pure core of Backstay: reliability decisions without an operating system.

Nothing is imported here on purpose: a host pays for what it uses (``backstay_core.policy``,
``backstay_core.execution``, ``backstay_core.strategies.…``).
"""

__version__ = "0.1.0"
