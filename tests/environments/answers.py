"""A plausible answer to every question that the adapters ask: an environment in which everything can be read.

`CGROUP_1`, `CGROUP_2` and `HYBRID` add control groups; `OTHER` is psutil's part, asked where there is no ``/proc``.
"""

from __future__ import annotations

from typing import Any

GIB = 1 << 30
NET = (
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier\n"
    "    lo:     700     7    0    0    0     0          0         0      700       7    0    0    0     0       0  0\n"
    "  eth0:    5000    50    0    0    0     0          0         0     9000      90    0    0    0     0       0  0\n"
)
PRESSURE = "some avg10=1.50 avg60=0.50 avg300=0.10 total=100\nfull avg10=0.50 avg60=0.10 avg300=0.00 total=50\n"

EVERYTHING: dict[str, Any] = {
    "/etc/os-release": 'NAME="Debian GNU/Linux"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    "/etc/resolv.conf": "nameserver 10.96.0.10\nsearch shop.svc.cluster.local svc.cluster.local cluster.local\n",
    "/etc/podinfo/annotations": 'note="a \\"quoted\\" word"\n',
    "/etc/podinfo/labels": 'app="shop"\ntier="front"\n',
    "/etc/podinfo/name": "shop-7d4b\n",
    "/etc/podinfo/namespace": "shop\n",
    "/proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\x00",
    "/proc/loadavg": "1.25 0.75 0.50 2/321 4711\n",
    "/proc/meminfo": "MemTotal: 4194304 kB\nMemAvailable: 3145728 kB\nSwapTotal: 1048576 kB\nSwapFree: 524288 kB\n",
    "/proc/net/dev": NET,
    "/proc/net/route": (
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
        "eth0\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\n"
    ),
    "/proc/pressure/cpu": PRESSURE,
    "/proc/pressure/io": PRESSURE,
    "/proc/pressure/memory": PRESSURE,
    "/proc/self/cgroup": "0::/\n",
    "/proc/self/mountinfo": "23 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n",
    "/proc/self/stat": "4711 (a (b) c) S 1 1 1 0 -1 4194560 500 0 37 0 1 2 0 0 20 0 1 0\n",
    "/proc/self/status": "Name:\tpython\nVmRSS:\t  65536 kB\nVmLck:\t  128 kB\nThreads:\t7\n",
    "/proc/stat": "cpu  100 20 30 800 40 0 10 5 0 0\nprocs_running 2\nprocs_blocked 3\n",
    "head:/proc/stat": "cpu  100 20 30 800 40 0 10 5 0 0\n",
    "/proc/sys/kernel/hostname": "shop-7d4b\n",
    "/proc/sys/kernel/sched_rt_runtime_us": "950000\n",
    "/proc/uptime": "86400.50 1000.00\n",
    "/proc/vmstat": "oom_kill 2\nballoon_inflate 300\nballoon_deflate 100\n",
    "/sys/class/dmi/id/product_name": "Standard PC (Q35 + ICH9, 2009)\n",
    "/sys/class/dmi/id/sys_vendor": "QEMU\n",
    "/sys/class/power_supply/BAT0/capacity": "55\n",
    "/sys/class/power_supply/BAT0/status": "Discharging\n",
    "/sys/class/power_supply/battery/capacity": "64\n",
    "/sys/class/power_supply/battery/status": "Charging\n",
    "/sys/class/rtc/rtc0/since_epoch": "1700000000\n",
    "/sys/class/thermal/thermal_zone0/temp": "48200\n",
    "/sys/devices/system/clocksource/clocksource0/current_clocksource": "kvm-clock\n",
    "/sys/devices/system/cpu/isolated": "2-3\n",
    "/sys/hypervisor/type": "xen\n",
    "/sys/kernel/realtime": "1\n",
    "clock:boottime": 2_000_000_000,
    "clock:monotonic": 1_000_000_000,
    "clock:realtime": 1_700_000_000_000_000_000,
    "env:AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT": "/greengrass/v2/ipc.socket",
    "env:AWS_IOT_THING_NAME": "gateway-7",
    "env:AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "env:AWS_LAMBDA_FUNCTION_NAME": "orders",
    "env:AWS_LAMBDA_FUNCTION_VERSION": "3",
    "env:AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "env:AWS_REGION": "eu-north-1",
    "env:BALENA": "1",
    "env:BALENA_DEVICE_UUID": "b4",
    "env:EDGEX_SECURITY_SECRET_STORE": "true",
    "env:FC_FUNCTION_NAME": "orders",
    "env:FC_MEMORY_SIZE": "256",
    "env:FC_REGION": "cn-hangzhou",
    "env:FN_FN_ID": "01",
    "env:FUNCTIONS_WORKER_RUNTIME": "python",
    "env:FUNCTION_TARGET": "handle",
    "env:IOTEDGE_DEVICEID": "device-7",
    "env:KUBERNETES_SERVICE_HOST": "10.96.0.1",
    "env:KUBERNETES_SERVICE_PORT": "443",
    "env:K_REVISION": "quotes-00001",
    "env:K_SERVICE": "quotes",
    "env:NODE_NAME": "node-1",
    "env:POD_IP": "10.1.2.3",
    "env:POD_NAME": "shop-7d4b",
    "env:POD_NAMESPACE": "shop",
    "env:REGION_NAME": "West Europe",
    "env:SERVICE_ACCOUNT": "default",
    "env:VERCEL": "1",
    "env:VERCEL_REGION": "arn1",
    "env:WEBSITE_SITE_NAME": "orders-app",
    "env:__OW_ACTION_NAME": "/guest/orders",
    "env:__OW_ACTION_VERSION": "0.0.1",
    "env:container": "podman",
    "exists:/.dockerenv": True,
    "exists:/run/.containerenv": True,
    "exists:/var/run/secrets/kubernetes.io/serviceaccount/token": True,
    "/var/run/secrets/kubernetes.io/serviceaccount/namespace": "shop",
    "fact:android_api_level": 34,
    "fact:cpus": 4,
    "fact:game_engine": "pygame",
    "fact:heap": [6000, 3000],
    "fact:hostname": "shop-7d4b",
    "fact:machine": "x86_64",
    "fact:page_size": 4096,
    "fact:platform": "linux",
    "fact:processes": True,
    "fact:python": "3.13.0",
    "fact:release": "6.1.0-18-rt-amd64",
    "fact:scheduling": ["SCHED_FIFO", 50],
    "fact:system": "Linux",
    "fact:threads": True,
    "fact:version": "#1 SMP PREEMPT_RT Debian",
    "fact:wasm_memory": 20_000_000,
    "fact:wasm_runtime": "pyodide 0.28",
    "fact:writable": True,
    "head:/proc/cpuinfo": "flags : fpu hypervisor\n",
    "names:/proc": ["1", "17", "self", "stat"],
    "names:/proc/self/fd": ["0", "1", "2", "3"],
    "names:/sys/class/net": ["eth0", "lo"],
    "setting:chain_id": 1,
    "setting:confirmations": 12,
    "setting:frame_time": 0.016,
    "setting:offline_after": 30.0,
    "setting:reserve": 0.5,
    "setting:memory_limit": 64_000_000,
    "setting:tick": 0.001,
    "setting:total_cpu_cores": 2,
    "setting:total_memory": 2_097_152,
    "statvfs:/": [1000, 400, 350, 4096],
    "kmsg:crng reseeded due to virtual machine fork": 311,
    "vmclock:/dev/vmclock0": {"generation": 7, "disruption": 3},
}
OTHER: dict[str, Any] = {
    "psutil:battery": {"percent": 71},
    "psutil:cpu_times": {"user": 10.0, "system": 5.0, "idle": 80.0, "iowait": 3.0, "steal": 2.0},
    "psutil:loadavg": {"one": 0.5},
    "psutil:net_io_counters": {"bytes_recv": 5000, "bytes_sent": 9000},
    "psutil:pids": {"count": 300},
    "psutil:process": {"rss": 67_000_000, "threads": 7, "open_files": 5},
    "psutil:swap_memory": {"used": 1000},
    "psutil:uptime": {"seconds": 86_400.5},
    "psutil:virtual_memory": {"total": 4 * GIB, "available": 3 * GIB, "percent": 25.0},
}

ROOT = "23 1 0:55 / / rw,relatime - overlay overlay rw\n"
STAT_1 = "nr_periods 100\nnr_throttled 10\nthrottled_time 5000\n"
CGROUP_1: dict[str, Any] = {
    "/proc/self/mountinfo": ROOT
    + "".join(
        f"3{i} 31 0:2{i} /docker/abc /sys/fs/cgroup/{name} ro,relatime - cgroup cgroup rw,{name}\n"
        for i, name in enumerate(("memory", "cpu,cpuacct", "cpuset", "pids"))
    ),
    "/proc/self/cgroup": (
        "4:memory:/docker/abc/inner\n3:cpu,cpuacct:/docker/abc\n2:cpuset:/docker/abc\n1:pids:/docker/abc\n0::/docker/abc\n"
    ),
    "/sys/fs/cgroup/memory/memory.limit_in_bytes": "268435456\n",
    "/sys/fs/cgroup/memory/inner/memory.limit_in_bytes": "9223372036854771712\n",
    "/sys/fs/cgroup/memory/inner/memory.usage_in_bytes": "134217728\n",
    "/sys/fs/cgroup/memory/inner/memory.stat": "inactive_file 5\ntotal_inactive_file 33554432\ntotal_swap 64\n",
    "/sys/fs/cgroup/memory/inner/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    "/sys/fs/cgroup/memory/inner/memory.failcnt": "17\n",
    "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
    "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    "/sys/fs/cgroup/cpu,cpuacct/cpu.stat": STAT_1,
    "/sys/fs/cgroup/cpu,cpuacct/cpuacct.usage": "900000000\n",
    "/sys/fs/cgroup/cpuset/cpuset.effective_cpus": "0-1,3\n",
    "/sys/fs/cgroup/pids/pids.max": "50\n",
    "/sys/fs/cgroup/pids/pids.current": "9\n",
}
TOP, POD, OWN = "/sys/fs/cgroup", "/sys/fs/cgroup/kubepods", "/sys/fs/cgroup/kubepods/app"
CGROUP_2: dict[str, Any] = {
    "/proc/self/mountinfo": ROOT + "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n",
    "/proc/self/cgroup": "0::/kubepods/app\n",
    f"{OWN}/memory.max": "max\n",
    f"{POD}/memory.max": "536870912\n",
    f"{OWN}/memory.current": "134217728\n",
    f"{OWN}/memory.stat": "anon 5\ninactive_file 33554432\n",
    f"{OWN}/memory.swap.current": "64\n",
    f"{OWN}/memory.events": "low 0\nhigh 0\nmax 17\noom 2\noom_kill 2\n",
    f"{OWN}/cpu.max": "150000 100000\n",
    f"{POD}/cpu.max": "max 100000\n",
    f"{OWN}/cpu.stat": "usage_usec 900000\nnr_periods 100\nnr_throttled 10\nthrottled_usec 5\n",
    f"{OWN}/cpuset.cpus.effective": "0-2\n",
    f"{OWN}/pids.max": "max\n",
    f"{POD}/pids.max": "50\n",
    f"{OWN}/pids.current": "9\n",
    f"{OWN}/cpu.pressure": PRESSURE,
    f"{OWN}/memory.pressure": PRESSURE,
    f"{OWN}/io.pressure": PRESSURE,
}
#  version 1 for all but hugetlb, as older systemd has it
HYBRID: dict[str, Any] = {
    **CGROUP_1,
    "/proc/self/mountinfo": "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    + CGROUP_1["/proc/self/mountinfo"],
    "/sys/fs/cgroup/unified/docker/abc/cpu.pressure": PRESSURE,
}
