"""What holds for all tests, whatever started them and however slow or busy the machine is.

Properties are tried on the same examples each time. Signals are neither ignored nor blocked: a shell ignores SIGINT for
what it runs in the background, and nohup SIGHUP. No proxy stands between a test and its servers on the loopback.
"""

import os
import signal

from hypothesis import HealthCheck, settings

settings.register_profile(
    "backstay",
    deadline=None,
    derandomize="BACKSTAY_CASES" not in os.environ,  # as in `tests.property.cases`
    database=None,
    suppress_health_check=list(HealthCheck),
)
if settings.get_current_profile_name() in ("default", "ci"):  # none was asked for
    settings.load_profile("backstay")

for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"):
    number = getattr(signal, name, None)
    if number is not None and signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)
if hasattr(signal, "pthread_sigmask"):
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())

for name in ("no_proxy", "NO_PROXY"):
    os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost", "::1")))
