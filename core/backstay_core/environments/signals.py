"""Signals: what speaks for an environment, and what rules it out. Data for `detection`.

A signal is a question (or several), a test of the answers, and a weight: how sure it makes, in hundredths. Weights of
signals that are independent combine as probabilities do, so that two weak ones can carry what one must not:
`AWS_EXECUTION_ENV` alone is not Lambda, for Fargate sets it too. A veto rules an environment out whatever speaks for
it.

Where the facts come from: the inode of the initial pid namespace is a constant of the kernel
(``include/linux/proc_ns.h``, PROC_PID_INIT_INO); variables are those that the platforms' own documentation promises;
the rest was measured in the environments themselves.
"""

import re

from backstay_core.environments.kinds import RuntimeEnvironment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Test = Callable[..., Any]

_E = RuntimeEnvironment

PID_NAMESPACE = "link:/proc/self/ns/pid"
CGROUP_NAMESPACE = "link:/proc/self/ns/cgroup"
MOUNTS = "/proc/self/mountinfo"
CGROUPS = "/proc/self/cgroup"
CPU = "head:/proc/cpuinfo"
FACP = "/sys/firmware/acpi/tables/FACP"  # for root alone
DMI = "exists:/sys/class/dmi/id"
VENDOR = "/sys/class/dmi/id/sys_vendor"
PRODUCT = "/sys/class/dmi/id/product_name"
XEN = "/sys/hypervisor/type"
RELEASE = "/proc/sys/kernel/osrelease"
ACPI_DEVICES = "names:/sys/bus/acpi/devices"

INITIAL_PID_NAMESPACE = "pid:[4026531836]"
INITIAL_CGROUP_NAMESPACE = "cgroup:[4026531835]"
SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"

_ENGINE = re.compile(r"(docker|libpod|containerd|crio|kubepods|buildkit|lxc)[^\n]*")
_KUBELET = re.compile(r"/kubelet/pods/|kubepods")
_OVERLAY_ROOT = re.compile(r" / / \S+ .*- (fuse-)?overlay(fs)? ")
_REAL_TIME = re.compile(r"\bPREEMPT[_ ]RT\b")
_HYPERVISORS = re.compile(
    r"QEMU|KVM|VMware|VirtualBox|innotek|Xen|Bochs|Parallels|BHYVE|Google Compute Engine|Amazon EC2|OpenStack|"
    r"RHEV|oVirt|Apple Virtualization|Virtual Machine|HVM domU"
)
_KATA = re.compile(r"\bkata\S*|\bagent\.log=\S*")
REAL_TIME_SYSTEMS = ("QNX", "VxWorks", "RTEMS", "NuttX", "FreeRTOS", "Zephyr", "zephyr", "INTEGRITY", "LynxOS")
SYSTEMS = ("Linux", "Darwin", "Windows", "FreeBSD", "OpenBSD", "NetBSD", "SunOS", "AIX", "Android", "iOS", "iPadOS")
MICROCONTROLLERS = ("micropython", "circuitpython")
NO_MICROCONTROLLER = ("linux", "darwin", "win32", "webassembly", "zephyr")


class Signal:
    """What speaks for an environment: `weight` hundredths of certainty if `test(*answers)` is true.

    An answer is None if it could not be had. What the test returns, if it is a text, is quoted as the evidence.
    """

    __slots__ = ("environment", "questions", "says", "test", "weight")

    def __init__(self, environment: RuntimeEnvironment, weight: int, says: str, *questions: str, test: "Test") -> None:
        self.environment = environment
        self.weight = weight
        self.says = says
        self.questions = questions
        self.test = test


class Veto(Signal):
    """What rules an environment out."""

    __slots__ = ()

    def __init__(self, environment: RuntimeEnvironment, says: str, *questions: str, test: "Test") -> None:
        super().__init__(environment, 0, says, *questions, test=test)


# Tests


def is_set(value: "str | None") -> bool:
    return bool(value)


def is_there(value: "bool | None") -> bool:
    return value is True


def among(*words: str) -> "Test":
    def test(value: "str | None") -> "str | bool":
        return value if value is not None and value in words else False

    return test


def found(pattern: "re.Pattern[str]") -> "Test":
    def test(*texts: "str | None") -> "str | bool":
        for text in texts:
            match = pattern.search(text or "")
            if match:
                return match[0].strip()[:80]
        return False

    return test


def other_than(initial: str) -> "Test":
    def test(value: "str | None") -> "str | bool":
        return value if value and value != initial else False

    return test


def microcontroller(implementation: "str | None", platform: "str | None") -> "str | bool":
    known = implementation in MICROCONTROLLERS and platform not in NO_MICROCONTROLLER
    return f"{implementation} on {platform}" if known else False


def hypervisor(cpu: "str | None") -> bool:
    return cpu is not None and re.search(r"\bhypervisor\b", cpu) is not None


def guest_without_dmi(cpu: "str | None", dmi: "bool | None") -> bool:
    return hypervisor(cpu) and dmi is False


def guest_with_dmi(cpu: "str | None", dmi: "bool | None") -> bool:
    return hypervisor(cpu) and dmi is True


def device(name: str) -> "Test":
    def test(names: "list[str] | None", dmi: "bool | None") -> "str | bool":
        return name if dmi is False and any(each.startswith(name) for each in names or ()) else False

    return test


def firecracker(facp: "str | None") -> bool:
    return facp is not None and "FIRECK" in facp[:64]


def kata(line: "str | None", cpu: "str | None") -> "str | bool":
    match = _KATA.search(line or "")
    return match[0] if match and hypervisor(cpu) else False


def wsl(release: "str | None") -> "str | bool":
    return release.strip() if release and "microsoft" in release.lower() else False


def on_the_host(namespace: "str | None", mounts: "str | None") -> bool:
    """The initial pid namespace, and a root that no engine has made: whatever markers lie around are stale."""
    return (
        namespace == INITIAL_PID_NAMESPACE
        and mounts is not None
        and _OVERLAY_ROOT.search(mounts) is None
        and _KUBELET.search(mounts) is None
    )


def wsl_only(release: "str | None", mounts: "str | None", marker: "bool | None", other: "bool | None") -> bool:
    """WSL starts every distribution in a pid namespace of its own."""
    return bool(wsl(release)) and not marker and not other and _OVERLAY_ROOT.search(mounts or "") is None


def not_unix_like(system: "str | None", platform: "str | None") -> "str | bool":
    return platform or "" if platform in ("emscripten", "wasi", "webassembly", "darwin", "ios") else False


def variable(environment: RuntimeEnvironment, weight: int, name: str) -> Signal:
    return Signal(environment, weight, f"{name} is set", f"env:{name}", test=is_set)


def lambda_execution(value: "str | None") -> "str | bool":
    return value if value and value.startswith("AWS_Lambda_") else False


_WASM, _FAAS, _POD, _EDGE = _E.WEBASSEMBLY, _E.FUNCTION_AS_A_SERVICE, _E.KUBERNETES_POD, _E.EDGE_COMPUTING
_CONTAINER, _MICRO, _VM = _E.CONTAINER, _E.MICRO_VM, _E.VIRTUAL_MACHINE

SIGNALS = (
    Signal(_WASM, 100, "the interpreter was built for it", "fact:platform",
           test=among("emscripten", "wasi", "webassembly")),

    Signal(_E.EMBEDDED_BARE_METAL, 100, "an interpreter for microcontrollers", "fact:implementation", "fact:platform",
           test=microcontroller),

    Signal(_E.REAL_TIME_OS, 95, "the kernel says that it is a real-time one", "/sys/kernel/realtime",
           test=lambda text: text is not None and text.strip() == "1"),
    Signal(_E.REAL_TIME_OS, 80, "the kernel was built with PREEMPT_RT", "fact:version", test=found(_REAL_TIME)),
    Signal(_E.REAL_TIME_OS, 100, "a real-time system", "fact:system", test=among(*REAL_TIME_SYSTEMS)),
    Signal(_E.REAL_TIME_OS, 100, "a real-time system", "fact:platform", test=among("zephyr", "qnx", "vxworks")),

    Signal(_E.MOBILE, 100, "the interpreter was built for it", "fact:platform", test=among("android", "ios")),
    Signal(_E.MOBILE, 95, "the interpreter knows an Android API level", "fact:android_api_level",
           test=lambda level: str(level) if level else False),
    variable(_E.MOBILE, 40, "ANDROID_ROOT"),
    variable(_E.MOBILE, 40, "ANDROID_DATA"),
    variable(_E.MOBILE, 60, "ANDROID_ARGUMENT"),

    Signal(_E.BLOCKCHAIN, 100, "the configuration names a chain", "fact:declared",
           test=lambda names: "blockchain" in (names or ())),

    Signal(_E.GAME_ENGINE, 90, "an engine is running in this process", "fact:game_engine", test=lambda name: name),

    variable(_FAAS, 45, "AWS_LAMBDA_FUNCTION_NAME"),
    variable(_FAAS, 45, "AWS_LAMBDA_RUNTIME_API"),
    Signal(_FAAS, 30, "AWS_EXECUTION_ENV names Lambda", "env:AWS_EXECUTION_ENV", test=lambda_execution),
    variable(_FAAS, 45, "FUNCTIONS_WORKER_RUNTIME"),
    variable(_FAAS, 45, "FUNCTIONS_EXTENSION_VERSION"),
    variable(_FAAS, 45, "FUNCTION_TARGET"),
    variable(_FAAS, 40, "K_SERVICE"),
    variable(_FAAS, 40, "K_REVISION"),
    variable(_FAAS, 45, "FC_FUNCTION_NAME"),
    variable(_FAAS, 45, "FC_FUNCTION_HANDLER"),
    variable(_FAAS, 80, "__OW_ACTION_NAME"),
    variable(_FAAS, 40, "VERCEL"),
    variable(_FAAS, 40, "VERCEL_REGION"),
    variable(_FAAS, 60, "FN_FN_ID"),

    Signal(_POD, 80, "the kubelet has mounted it or made its control group", MOUNTS, CGROUPS, test=found(_KUBELET)),
    Signal(_POD, 70, "a service account's token is mounted", f"exists:{SERVICE_ACCOUNT}/token", test=is_there),
    Signal(_POD, 40, "a service account's namespace is mounted", f"exists:{SERVICE_ACCOUNT}/namespace", test=is_there),
    variable(_POD, 60, "KUBERNETES_SERVICE_HOST"),
    Signal(_POD, 30, "there is a termination log", "exists:/dev/termination-log", test=is_there),
    Veto(_POD, "this process is in the host's pid namespace, on the host's root", PID_NAMESPACE, MOUNTS,
         test=on_the_host),
    Veto(_POD, "pods do not run there", "fact:system", "fact:platform", test=not_unix_like),

    variable(_EDGE, 60, "AWS_IOT_THING_NAME"),
    variable(_EDGE, 60, "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT"),
    variable(_EDGE, 40, "SVCUID"),
    variable(_EDGE, 60, "IOTEDGE_DEVICEID"),
    variable(_EDGE, 50, "IOTEDGE_MODULEID"),
    variable(_EDGE, 30, "IOTEDGE_GATEWAYHOSTNAME"),
    variable(_EDGE, 60, "EDGEX_SECURITY_SECRET_STORE"),
    variable(_EDGE, 60, "BALENA"),
    variable(_EDGE, 50, "BALENA_DEVICE_UUID"),

    Signal(_CONTAINER, 60, "a pid namespace of its own", PID_NAMESPACE, test=other_than(INITIAL_PID_NAMESPACE)),
    Signal(_CONTAINER, 20, "a cgroup namespace of its own", CGROUP_NAMESPACE,
           test=other_than(INITIAL_CGROUP_NAMESPACE)),
    Signal(_CONTAINER, 40, "the root is an overlay", MOUNTS, test=found(_OVERLAY_ROOT)),
    Signal(_CONTAINER, 40, "a control group that an engine has made", CGROUPS, test=found(_ENGINE)),
    Signal(_CONTAINER, 40, "the kubelet has mounted it", MOUNTS, test=found(_KUBELET)),
    Signal(_CONTAINER, 40, "`container` is set", "env:container", test=lambda value: value or False),
    Signal(_CONTAINER, 40, "podman's marker", "exists:/run/.containerenv", test=is_there),
    Signal(_CONTAINER, 40, "docker's marker", "exists:/.dockerenv", test=is_there),
    Signal(_CONTAINER, 40, "systemd's marker", "/run/systemd/container", test=lambda text: (text or "").strip()),
    Veto(_CONTAINER, "this process is in the host's pid namespace, on the host's root; markers are stale",
         PID_NAMESPACE, MOUNTS, test=on_the_host),
    Veto(_CONTAINER, "WSL's own namespace", RELEASE, MOUNTS, "exists:/.dockerenv", "exists:/run/.containerenv",
         test=wsl_only),

    Signal(_MICRO, 95, "the firmware's tables are Firecracker's", FACP, test=firecracker),
    Signal(_MICRO, 60, "the processor has a hypervisor, and there is no firmware (DMI)", CPU, DMI,
           test=guest_without_dmi),
    Signal(_MICRO, 40, "a clock device that only Amazon's have", ACPI_DEVICES, DMI, test=device("AMZNC10C")),
    Signal(_MICRO, 30, "a generation counter, and no firmware (DMI)", ACPI_DEVICES, DMI, test=device("VMGENCTR")),
    Signal(_MICRO, 30, "memory-mapped virtio devices, and no firmware (DMI)", ACPI_DEVICES, DMI,
           test=device("LNRO0005")),
    Signal(_MICRO, 95, "the firmware says so", VENDOR, PRODUCT, test=found(re.compile("Cloud Hypervisor"))),
    Signal(_MICRO, 80, "Kata's agent runs here", "/proc/cmdline", CPU, test=kata),
    Veto(_MICRO, "a guest of Xen", XEN, test=lambda text: (text or "").strip() == "xen"),
    Veto(_MICRO, "WSL", RELEASE, test=wsl),

    Signal(_VM, 90, "the firmware names a hypervisor", VENDOR, PRODUCT, test=found(_HYPERVISORS)),
    Signal(_VM, 60, "the processor has a hypervisor, and there is firmware (DMI)", CPU, DMI, test=guest_with_dmi),
    Signal(_VM, 80, "a hypervisor says so", XEN, test=lambda text: (text or "").strip()),
    Signal(_VM, 60, "the device tree says so", "/proc/device-tree/compatible",
           test=found(re.compile(r"linux,dummy-virt|xen,xenvm"))),
    Signal(_VM, 90, "WSL", RELEASE, test=wsl),
    Veto(_VM, "a machine without a hypervisor of the vendor's", PRODUCT, test=found(re.compile(r"\S+\.metal\b"))),

    Signal(_E.OPERATING_SYSTEM, 100, "the kernel's name", "fact:system", test=among(*SYSTEMS)),
)  # fmt: skip

#  which environment is a special kind of which other: where the first is found the second says nothing more
SPECIAL_KINDS = {_MICRO: _VM}
