"""What a Kubernetes pod tells beyond its container: the downward API, the service account, and services to be found.

Read are the names that the documentation of Kubernetes uses: the variables POD_NAME, POD_NAMESPACE, POD_IP, NODE_NAME,
the directory ``/etc/podinfo``; a pod has them if its manifest asks for them (``docs/environments/kubernetes_pod.md``).
"""

from backstay_core.environments import container
from backstay_core.environments.machine import same
from backstay_core.environments.parsing import line
from backstay_core.environments.signals import SERVICE_ACCOUNT
from backstay_core.environments.sources import From, Row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from backstay_core.environments.reading import Probe

PODINFO = "/etc/podinfo"
RESOLVER = "/etc/resolv.conf"


def pairs(text: str) -> "dict[str, str]":
    """Labels or annotations of the downward API: lines ``key="value"`` with Go's escapes."""
    found: "dict[str, str]" = {}
    for each in text.split("\n"):
        key, equals, value = each.partition("=")
        if not equals:
            continue
        if len(value) < 2 or value[0] != '"' or value[-1] != '"':
            raise ValueError(f"no quoted value: {each[:40]!r}")
        found[key] = value[1:-1].replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\")
    return found


def domain(text: str) -> "str | None":
    """The cluster's domain, of the search list ``<namespace>.svc.cluster.local svc.cluster.local …``."""
    for each in text.split("\n"):
        words = each.split()
        if words[:1] == ["search"]:
            for word in words[1:]:
                if word.startswith("svc."):
                    return word[len("svc.") :]
    return None


INFO = container.INFO + (
    Row("pod_name", "", "of the downward API, or else the host name, which is the same unless the pod is on the host's "
        "network", From("env:POD_NAME", parse=same), From(f"{PODINFO}/name", parse=line),
        From("/proc/sys/kernel/hostname", parse=line)),
    Row("pod_namespace", "", "that the pod is in", From("env:POD_NAMESPACE", parse=same),
        From(f"{PODINFO}/namespace", parse=line), From(f"{SERVICE_ACCOUNT}/namespace", parse=line)),
    Row("pod_ip", "", "its address", From("env:POD_IP", parse=same)),
    Row("node_name", "", "that it runs on", From("env:NODE_NAME", parse=same)),
    Row("service_account", "", "it acts as", From("env:SERVICE_ACCOUNT", parse=same)),
    Row("labels", "", "of the pod", From(f"{PODINFO}/labels", parse=pairs)),
    Row("annotations", "", "of the pod", From(f"{PODINFO}/annotations", parse=pairs)),
    Row("api_server", "", "host and port",
        From("env:KUBERNETES_SERVICE_HOST", "env:KUBERNETES_SERVICE_PORT", parse=lambda host, port: f"{host}:{port}")),
    Row("cluster_domain", "", "under which services have names", From(RESOLVER, parse=domain)),
    Row("can_ask_api", "", "a service account's token is mounted", From(f"exists:{SERVICE_ACCOUNT}/token", parse=same)),
)  # fmt: skip
USAGE = container.USAGE
RULES = container.RULES


def service_address(name: str, probe: "Probe") -> "tuple[str, int] | None":
    """Where a service of the same namespace is, by the variables that the kubelet sets for those that were there when
    the pod was started."""
    stem = name.upper().replace("-", "_")
    host, port = probe(f"env:{stem}_SERVICE_HOST").value, probe(f"env:{stem}_SERVICE_PORT").value
    if not host or not port or not str(port).isdecimal() or not 0 < int(port) < 65536:
        return None
    return str(host), int(port)


def service_name(name: str, info: "Mapping[str, object]", namespace: "str | None" = None) -> "str | None":
    """The name that the cluster's DNS has for a service; None if namespace or domain cannot be read."""
    space = namespace or info.get("pod_namespace")
    cluster = info.get("cluster_domain")
    return f"{name}.{space}.svc.{cluster}" if space and cluster else None
