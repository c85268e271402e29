"""Runs inside a container: strains it, and prints what the adapter read before and after, as a line of JSON.

strain.py throttle   keeps two processors busy until the control group has been throttled
strain.py oom        starts a child that takes more memory than there is, and waits for its end
"""

import json
import signal
import subprocess
import sys
import time

from backstay.environments import HealthStatus, ResourceUsage, adapter_for, detect

CPU_SECONDS = 240.0  # a limit below one processor throttles within a tenth of a second
SPIN = "while True: pass"
EAT = "eaten = []\nwhile True: eaten.append(bytearray(1 << 20))"


def throttle() -> ResourceUsage:
    busy = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(2)]
    end = time.monotonic() + CPU_SECONDS
    try:
        while time.monotonic() < end:
            time.sleep(1.1)  # a rate is over a second or more
            usage = adapter.get_resource_usage()
            if usage["cpu_throttled_percent"].value:
                return usage
    finally:
        for process in busy:
            process.kill()
            process.wait()
    raise SystemExit("it was never throttled")


def oom() -> HealthStatus:
    child = subprocess.run([sys.executable, "-c", EAT], check=False)
    assert child.returncode == -signal.SIGKILL, child.returncode
    return adapter.check_health()  # at once: what is "lately" is since the reading before


adapter = adapter_for(detect().primary)
adapter.initialize()
before = adapter.get_resource_usage()
time.sleep(1.1)
if sys.argv[1] == "oom":
    health, after = oom(), adapter.get_resource_usage()
else:
    after, health = throttle(), adapter.check_health()
print(json.dumps({"before": before.to_data(), "after": after.to_data(), "health": health.to_data()}))
adapter.cleanup()
