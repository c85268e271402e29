"""Records what tells a runtime environment, as a fixture: ``python capture_environment.py > capture.json``.

It stands alone: the standard library of Python 3.6 is all it needs, so that it runs inside a container, a virtual
machine or a pod in which Backstay is not installed. It asks the questions of `QUESTIONS` (the same that Backstay's
tables ask; `tests/environments/test_capture.py` compares the two), and those about control groups, whose paths it must
find first.

What has no say in the decision is left out: of environment variables all but the listed ones, of mounts all but the
root, control groups and those of a kubelet, of the kernel's command line all but a few words. ``--replace OLD=NEW``
renames what is left and should not be shown. Look at the result before you publish it.
"""

import argparse
import json
import os
import re
import stat
import sys
import time

QUESTIONS = (
    "/etc/os-release",
    "/etc/podinfo/annotations",
    "/etc/podinfo/labels",
    "/etc/podinfo/name",
    "/etc/podinfo/namespace",
    "/etc/resolv.conf",
    "/proc/cmdline",
    "/proc/device-tree/compatible",
    "/proc/device-tree/model",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/net/dev",
    "/proc/net/route",
    "/proc/pressure/cpu",
    "/proc/pressure/io",
    "/proc/pressure/memory",
    "/proc/self/cgroup",
    "/proc/self/mountinfo",
    "/proc/self/stat",
    "/proc/self/status",
    "/proc/stat",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/kernel/sched_rt_runtime_us",
    "/proc/uptime",
    "/proc/vmstat",
    "/run/systemd/container",
    "/sys/class/dmi/id/product_name",
    "/sys/class/dmi/id/sys_vendor",
    "/sys/class/power_supply/BAT0/capacity",
    "/sys/class/power_supply/BAT0/status",
    "/sys/class/power_supply/battery/capacity",
    "/sys/class/power_supply/battery/status",
    "/sys/class/thermal/thermal_zone0/temp",
    "/sys/devices/system/clocksource/clocksource0/current_clocksource",
    "/sys/devices/system/cpu/isolated",
    "/sys/firmware/acpi/tables/FACP",
    "/sys/hypervisor/type",
    "/sys/kernel/realtime",
    "/var/run/secrets/kubernetes.io/serviceaccount/namespace",
    "clock:monotonic",
    "env:ANDROID_ARGUMENT",
    "env:ANDROID_DATA",
    "env:ANDROID_ROOT",
    "env:AWS_EXECUTION_ENV",
    "env:AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT",
    "env:AWS_IOT_THING_NAME",
    "env:AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "env:AWS_LAMBDA_FUNCTION_NAME",
    "env:AWS_LAMBDA_FUNCTION_VERSION",
    "env:AWS_LAMBDA_INITIALIZATION_TYPE",
    "env:AWS_LAMBDA_RUNTIME_API",
    "env:AWS_REGION",
    "env:BACKSTAY_ENVIRONMENT",
    "env:BALENA",
    "env:BALENA_DEVICE_UUID",
    "env:EDGEX_SECURITY_SECRET_STORE",
    "env:FC_FUNCTION_HANDLER",
    "env:FC_FUNCTION_NAME",
    "env:FC_MEMORY_SIZE",
    "env:FC_REGION",
    "env:FN_FN_ID",
    "env:FUNCTIONS_EXTENSION_VERSION",
    "env:FUNCTIONS_WORKER_RUNTIME",
    "env:FUNCTION_TARGET",
    "env:IOTEDGE_DEVICEID",
    "env:IOTEDGE_GATEWAYHOSTNAME",
    "env:IOTEDGE_MODULEID",
    "env:KUBERNETES_SERVICE_HOST",
    "env:KUBERNETES_SERVICE_PORT",
    "env:K_REVISION",
    "env:K_SERVICE",
    "env:NODE_NAME",
    "env:POD_IP",
    "env:POD_NAME",
    "env:POD_NAMESPACE",
    "env:REGION_NAME",
    "env:SERVICE_ACCOUNT",
    "env:SVCUID",
    "env:VERCEL",
    "env:VERCEL_REGION",
    "env:WEBSITE_SITE_NAME",
    "env:__OW_ACTION_NAME",
    "env:__OW_ACTION_VERSION",
    "env:container",
    "exists:/.dockerenv",
    "exists:/dev/termination-log",
    "exists:/run/.containerenv",
    "exists:/sys/class/dmi/id",
    "exists:/var/run/secrets/kubernetes.io/serviceaccount/namespace",
    "exists:/var/run/secrets/kubernetes.io/serviceaccount/token",
    "fact:android_api_level",
    "fact:cpus",
    "fact:declared",
    "fact:game_engine",
    "fact:heap",
    "fact:hostname",
    "fact:implementation",
    "fact:machine",
    "fact:page_size",
    "fact:platform",
    "fact:processes",
    "fact:python",
    "fact:release",
    "fact:scheduling",
    "fact:system",
    "fact:threads",
    "fact:version",
    "fact:wasm_memory",
    "fact:wasm_runtime",
    "fact:writable",
    "head:/proc/cpuinfo",
    "head:/proc/stat",
    "link:/proc/self/ns/cgroup",
    "link:/proc/self/ns/pid",
    "names:/proc",
    "names:/proc/self/fd",
    "names:/sys/bus/acpi/devices",
    "names:/sys/class/net",
    "statvfs:/",
)  # fmt: skip

MOST = 1 << 20
MISSING = {"reason": "not there"}
SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
SECRETS = ("env:SVCUID", "env:AWS_LAMBDA_RUNTIME_API", "env:EDGEX_SECURITY_SECRET_STORE")
MOUNTS = re.compile(r" / / |/kubelet/pods/|kubepods| - cgroup2? |/kubernetes.io/")
WORDS = re.compile(r"^(kata\S*|agent\.\S*|hypervisor\S*|panic=\S*|quiet)$")
CONTROLLERS = {
    "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat", "memory.oom_control", "memory.failcnt"),
    "cpu": ("cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.stat"),
    "cpuacct": ("cpuacct.usage",),
    "cpuset": ("cpuset.cpus", "cpuset.effective_cpus"),
    "pids": ("pids.max", "pids.current"),
    "": ("cgroup.controllers", "memory.max", "memory.high", "memory.current", "memory.stat", "memory.events",
         "memory.swap.max", "memory.swap.current", "cpu.max", "cpu.stat", "cpuset.cpus.effective", "pids.max",
         "pids.current", "memory.pressure", "cpu.pressure", "io.pressure"),
}  # fmt: skip


def text(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("no regular file")
        data = b""
        while len(data) <= MOST:
            part = os.read(descriptor, 1 << 16)
            if not part:
                return data.decode("utf-8", "replace")
            data += part
        raise ValueError(f"larger than {MOST} bytes")
    finally:
        os.close(descriptor)


def head(path):
    with open(path, "rb") as stream:
        return stream.read(4096).decode("utf-8", "replace")


def exists(path):
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def statvfs(path):
    found = os.statvfs(path)
    return [found.f_blocks, found.f_bfree, found.f_bavail, found.f_frsize]


def clock(name):
    names = {
        "monotonic": "CLOCK_MONOTONIC",
        "realtime": "CLOCK_REALTIME",
        "boottime": "CLOCK_BOOTTIME",
        "process": "CLOCK_PROCESS_CPUTIME_ID",
    }
    number = getattr(time, names[name], {"boottime": 7}.get(name))
    if number is None:  # not all of them are on WASI
        raise ValueError("no such clock")
    return int(time.clock_gettime(number) * 1000000000)


def fact(name):
    uname = os.uname() if hasattr(os, "uname") else ("Windows", "", "", "", "")
    facts = {
        "platform": sys.platform,
        "implementation": sys.implementation.name,
        "python": ".".join(map(str, sys.version_info[:3])),
        "system": uname[0],
        "hostname": "host",
        "release": uname[2],
        "version": uname[3],
        "machine": uname[4],
        "declared": [],
        "threads": sys.platform not in ("emscripten", "wasi"),
        "processes": sys.platform not in ("emscripten", "wasi"),
        "writable": os.access("/tmp", os.W_OK),
        "root": hasattr(os, "geteuid") and os.geteuid() == 0,
    }
    if hasattr(os, "sysconf"):
        facts["page_size"] = os.sysconf("SC_PAGE_SIZE")
    if hasattr(os, "sched_getscheduler"):
        names = {0: "SCHED_OTHER", 1: "SCHED_FIFO", 2: "SCHED_RR", 3: "SCHED_BATCH", 5: "SCHED_IDLE"}
        policy = os.sched_getscheduler(0)
        facts["scheduling"] = [names.get(policy, str(policy)), os.sched_getparam(0).sched_priority]
    pyodide = sys.modules.get("pyodide")
    if pyodide is not None:
        facts["wasm_runtime"] = f"pyodide {pyodide.__version__}"
    if hasattr(os, "sched_getaffinity"):
        facts["cpus"] = len(os.sched_getaffinity(0))
    if hasattr(sys, "getandroidapilevel"):
        facts["android_api_level"] = sys.getandroidapilevel()
    return facts.get(name)


KINDS: dict = {
    "head": head,
    "link": os.readlink,
    "exists": exists,
    "names": lambda path: sorted(os.listdir(path)),
    "env": os.environ.get,
    "fact": fact,
    "statvfs": statvfs,
    "clock": clock,
}


def lines(keep):
    return lambda value: "".join(line for line in value.splitlines(True) if keep(line))


def keys(*names):
    return lines(lambda line: line.split(":")[0].strip() in names)


#  what is left out of an answer
FILTERS = {
    "/proc/self/mountinfo": lines(lambda line: MOUNTS.search(line) is not None),
    "/proc/cmdline": lambda value: " ".join(word for word in value.split() if WORDS.match(word)),
    "/proc/sys/kernel/hostname": lambda value: "host\n",
    "/proc/self/status": keys("VmRSS", "VmLck", "Threads", "CapEff"),
    "/proc/meminfo": keys("MemTotal", "MemFree", "MemAvailable", "SwapTotal", "SwapFree"),
    "/proc/vmstat": lines(lambda line: line.split(" ")[0] in ("oom_kill", "balloon_inflate", "balloon_deflate")),
    "/proc/stat": lines(lambda line: not line.startswith(("intr", "softirq"))),
    "/etc/os-release": lines(lambda line: line.startswith(("NAME=", "VERSION_ID=", "PRETTY_NAME=", "ID="))),
    "head:/proc/cpuinfo": lambda value: "flags : " + ("hypervisor" if "hypervisor" in value.split() else "") + "\n",
    "head:/proc/stat": lambda value: value.split("\n")[0] + "\n",
    "/sys/firmware/acpi/tables/FACP": lambda value: value[:48],
    "names:/proc": lambda names: [name for name in names if name.isdigit()],
    "names:/sys/bus/acpi/devices": lambda names: [name for name in names if not name.startswith("device:")],
}


def answer(question):
    kind, found, rest = question.partition(":")
    if not found or question.startswith("/"):
        kind, rest = "", question
    try:
        value = text(rest) if kind == "" else KINDS[kind](rest)
    except (FileNotFoundError, NotADirectoryError):
        return MISSING
    except OSError as error:
        return {"reason": error.strerror or type(error).__name__}
    except (ValueError, KeyError) as error:
        return {"reason": str(error)}
    except AttributeError:
        return {"reason": "this interpreter has no such call"}
    if value is None:
        return MISSING
    if question in SECRETS:
        return "set"
    return FILTERS.get(question, lambda same: same)(value)


def control_groups():
    """The files of this process's control groups and of all groups above them that can be seen."""
    mounts = {}
    for line in text("/proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        words, kind = before.split(), after.split()
        if kind[0] == "cgroup2":
            mounts[""] = (words[3], words[4])
        elif kind[0] == "cgroup":
            for controller in kind[2].split(","):
                mounts[controller] = (words[3], words[4])
    for line in text("/proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            if controller not in mounts or controller not in CONTROLLERS:
                continue
            top, point = mounts[controller]
            inside = path[len(top) :] if top != "/" and path.startswith(top) else path
            parts = [part for part in inside.split("/") if part and part != ".."]
            while True:
                for name in CONTROLLERS[controller]:
                    yield "/".join([point, *parts, name])
                if not parts:
                    break
                parts.pop()


def capture(about):
    asked = list(QUESTIONS)
    try:
        asked += control_groups()
    except (OSError, ValueError, IndexError):
        pass
    answers = {question: answer(question) for question in asked}
    missing = sorted(question for question in answers if answers[question] == MISSING)
    return {
        "about": about,
        "origin": "captured",
        "missing": missing,
        "answers": {question: answers[question] for question in sorted(answers) if question not in missing},
    }


def written(recording):
    """JSON with one answer a line."""
    answers = ",\n".join(f"  {json.dumps(q)}: {json.dumps(a)}" for q, a in recording["answers"].items())
    rest = ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in recording.items() if k != "answers")
    return f'{{\n{rest},\n "answers": {{\n{answers}\n }}\n}}'


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--about", default="", help="what this environment is, in a line")
    parser.add_argument("--replace", action="append", default=[], metavar="OLD=NEW", help="rename what was found")
    arguments = parser.parse_args()
    result = written(capture(arguments.about))
    for pair in arguments.replace:
        old, _, new = pair.partition("=")
        result = result.replace(old, new)
    print(result)


if __name__ == "__main__":
    main()
