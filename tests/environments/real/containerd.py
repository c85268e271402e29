"""A containerd of our own, spoken with over the Kubernetes container runtime interface (CRI), as a kubelet does."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.environments.real.needs import missing, need_programs, need_root
from tests.environments.real.processes import serving, sweep
from tests.environments.real.traces import remove_groups

IMAGE = "localhost/backstay/real:1"  # also the sandbox's: its entry point sleeps

CONFIG = """\
version = 2
root = "{folder}/root"
state = "{folder}/state"
[grpc]
  address = "{socket}"
[ttrpc]
  address = "{socket}.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{image}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
"""


@dataclass
class Pods:
    runtime: Any  # the generated stub of runtime.v1.RuntimeService
    api: Any  # the generated messages
    group: str
    folder: Path

    @contextmanager
    def pod(self, *, memory: int, quota: int, period: int = 100_000) -> Iterator[Pod]:
        """A running pod with one sleeping container: memory in bytes, quota and period in microseconds.

        It is laid out as a kubelet does it: the control group is below `kubepods`, and the service account, the
        termination log and the service's address are where every pod has them.
        """
        api = self.api
        account = self.folder / "account"
        account.mkdir(exist_ok=True)
        (account / "namespace").write_text("shop")
        (account / "token").write_text("not a token")
        log = self.folder / "termination-log"
        log.touch()
        namespaces = api.NamespaceOption(network=api.NODE, pid=api.CONTAINER, ipc=api.POD)
        sandbox = api.PodSandboxConfig(
            metadata=api.PodSandboxMetadata(name="quotes", uid="7f3c", namespace="shop", attempt=0),
            log_directory=str(self.folder / "logs"),
            linux=api.LinuxPodSandboxConfig(
                cgroup_parent=f"/{self.group}/kubepods/burstable/pod7f3c",
                security_context=api.LinuxSandboxSecurityContext(namespace_options=namespaces),
            ),
        )
        container = api.ContainerConfig(
            metadata=api.ContainerMetadata(name="app", attempt=0),
            image=api.ImageSpec(image=IMAGE),
            command=["/bin/sleep", "1000000"],
            envs=[
                api.KeyValue(key="KUBERNETES_SERVICE_HOST", value="127.96.0.1"),
                api.KeyValue(key="KUBERNETES_SERVICE_PORT", value="443"),
            ],
            mounts=[
                api.Mount(
                    container_path="/var/run/secrets/kubernetes.io/serviceaccount",
                    host_path=str(account),
                    readonly=True,
                ),
                api.Mount(container_path="/dev/termination-log", host_path=str(log)),
            ],
            log_path="app.log",
            linux=api.LinuxContainerConfig(
                resources=api.LinuxContainerResources(
                    memory_limit_in_bytes=memory,
                    memory_swap_limit_in_bytes=memory,
                    cpu_quota=quota,
                    cpu_period=period,
                ),
                security_context=api.LinuxContainerSecurityContext(namespace_options=namespaces),
            ),
        )
        run = self.runtime.RunPodSandbox(api.RunPodSandboxRequest(config=sandbox))
        try:
            create = api.CreateContainerRequest(
                pod_sandbox_id=run.pod_sandbox_id, config=container, sandbox_config=sandbox
            )
            name = self.runtime.CreateContainer(create).container_id
            self.runtime.StartContainer(api.StartContainerRequest(container_id=name))
            yield Pod(self, name)
        finally:
            self.runtime.StopPodSandbox(api.StopPodSandboxRequest(pod_sandbox_id=run.pod_sandbox_id))
            self.runtime.RemovePodSandbox(api.RemovePodSandboxRequest(pod_sandbox_id=run.pod_sandbox_id))


@dataclass
class Pod:
    pods: Pods
    name: str

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        request = self.pods.api.ExecSyncRequest(container_id=self.name, cmd=command, timeout=500)
        done = self.pods.runtime.ExecSync(request)
        out, err = done.stdout.decode(), done.stderr.decode()
        assert done.exit_code == 0, f"{command}:\n{out}\n{err}"
        return subprocess.CompletedProcess(command, done.exit_code, out, err)


@contextmanager
def containerd(folder: Path, archive: Path) -> Iterator[Pods]:
    """Run the engine in a folder of its own with the archive's image, which is in the OCI layout and named IMAGE."""
    need_root()
    need_programs("containerd", "ctr", "runc")
    try:
        import grpc
        from cri_api.v1 import api_pb2, api_pb2_grpc
    except ImportError as error:
        missing(f"{error}")
    socket = folder / "c.sock"
    config = folder / "config.toml"
    config.write_text(CONFIG.format(folder=folder, socket=socket, image=IMAGE))
    group = f"backstay-cri-{folder.stat().st_ino}"
    with grpc.insecure_channel(f"unix://{socket}") as channel:
        runtime = api_pb2_grpc.RuntimeServiceStub(channel)

        def ready() -> bool:
            try:
                status = runtime.Status(api_pb2.StatusRequest(), timeout=5).status
            except grpc.RpcError:
                return False
            return any(condition.type == "RuntimeReady" and condition.status for condition in status.conditions)

        try:
            with serving(["containerd", "--config", config], ready, folder / "log"):
                load: list[str | Path] = [
                    "ctr",
                    "--address",
                    socket,
                    "--namespace",
                    "k8s.io",
                    "images",
                    "import",
                    archive,
                ]
                subprocess.run(load, check=True, capture_output=True, timeout=500)
                yield Pods(runtime, api_pb2, group, folder)
        finally:
            remove_groups(group)
            sweep(folder)
