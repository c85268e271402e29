"""What a pod asks the API server of its cluster: where the ready endpoints of a service are.

The token is read anew for each question (it is renewed in place), the server's certificate is checked against the
mounted one, answers are bounded in size and time. Variables and DNS, which need no API server, are in
`backstay_core.environments.pod`.
"""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import quote

from backstay.environments.bounded import AdapterError, bounded
from backstay_core.environments.signals import SERVICE_ACCOUNT
from backstay_core.failure import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay_core.environments.reading import Probe

LARGEST = 8 << 20  # bytes of an answer
KINDS = {401: "auth", 403: "permission", 404: "missing", 429: "throttle"}


class Cluster:
    """The API server, as a pod sees it. `address` is ``host:port`` (default: the kubelet's variables say); `secure`
    False speaks plain HTTP, to a server on the loopback, say ``kubectl proxy``. `timeout` is the most seconds that an
    answer may take, all of it.

    Methods raise `AdapterError`.
    """

    def __init__(self, probe: Probe, address: str | None = None, *, secure: bool = True, timeout: float = 5.0) -> None:
        if address is None:
            host, port = probe("env:KUBERNETES_SERVICE_HOST"), probe("env:KUBERNETES_SERVICE_PORT")
            if not host.value or not port.value:
                raise ConfigurationError("no API server is known: KUBERNETES_SERVICE_HOST and _PORT are not set")
            address = f"[{host.value}]:{port.value}" if ":" in host.value else f"{host.value}:{port.value}"
        if not secure and address.rpartition(":")[0] not in ("127.0.0.1", "[::1]", "localhost"):
            raise ConfigurationError(f"a token goes to {address} over TLS only")
        self.address = address
        self.secure = secure
        self.timeout = timeout
        self._probe = probe

    def endpoints(self, service: str, namespace: str | None = None) -> tuple[tuple[str, int], ...]:
        """Addresses and ports of the ready endpoints of a service, sorted. `namespace`: default the pod's own."""
        space = namespace or self.namespace()
        path = f"/apis/discovery.k8s.io/v1/namespaces/{quote(space, safe='')}/endpointslices"
        answer = self.get(f"{path}?labelSelector=kubernetes.io%2Fservice-name%3D{quote(service, safe='')}")
        found: dict[tuple[str, int], None] = {}
        try:
            for piece in answer["items"]:
                ports = [port["port"] for port in piece.get("ports") or () if port.get("port")]
                for endpoint in piece.get("endpoints") or ():
                    if (endpoint.get("conditions") or {}).get("ready") is False:
                        continue
                    found.update({(str(host), int(port)): None for host in endpoint["addresses"] for port in ports})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise AdapterError(f"{self.address}: no list of endpoints: {error!r}", "data") from None
        return tuple(sorted(found))

    def namespace(self) -> str:
        """The pod's own."""
        reading = self._probe(f"{SERVICE_ACCOUNT}/namespace")
        if not reading.value:
            raise AdapterError(f"the pod's namespace is not known: {reading.reason}", "state")
        return str(reading.value).strip()

    def get(self, path: str) -> dict[str, Any]:
        """The object at a path of the API."""
        found: dict[str, Any] = bounded(self.address, lambda: self._asked(path), self.timeout)
        return found

    def _asked(self, path: str) -> dict[str, Any]:
        headers = {"Accept": "application/json"}
        token = self._probe(f"{SERVICE_ACCOUNT}/token")
        if token.value:
            word = str(token.value).strip()
            if not word.isascii() or not word.isprintable() or " " in word:  # http.client would quote it in its error
                raise AdapterError(f"{self.address} is not asked: the service account's token is none", "data")
            headers["Authorization"] = f"Bearer {word}"
        connection = self._connection()
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            body = response.read(LARGEST + 1)
        except (OSError, HTTPException, ValueError) as error:
            kind = "timeout" if isinstance(error, TimeoutError) else "connect"
            raise AdapterError(f"{self.address} does not answer: {error}", kind) from None
        finally:
            connection.close()
        if response.status != 200:
            kind = KINDS.get(response.status, "unavailable" if response.status >= 500 else "validation")
            raise AdapterError(f"{self.address}: status {response.status} for {path}", kind)
        try:
            if len(body) > LARGEST:
                raise ValueError(f"more than {LARGEST} bytes")
            data = json.loads(body)
            if not isinstance(data, dict):
                raise ValueError("no object")
        except (ValueError, RecursionError) as error:
            raise AdapterError(f"{self.address}: no JSON for {path}: {error}", "data") from None
        return data

    def _connection(self) -> HTTPConnection:
        if not self.secure:
            return HTTPConnection(self.address, timeout=self.timeout)
        import ssl

        certificate = self._probe(f"{SERVICE_ACCOUNT}/ca.crt")
        if not certificate.value:
            raise AdapterError(f"the cluster's certificate is not known: {certificate.reason}", "state")
        try:
            context = ssl.create_default_context(cadata=str(certificate.value))
        except ssl.SSLError as error:
            raise AdapterError(f"the cluster's certificate makes no sense: {error}", "data") from None
        return HTTPSConnection(self.address, timeout=self.timeout, context=context)
