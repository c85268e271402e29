"""An image in the OCI layout, one layer, as an archive that containerd and podman import."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

MEDIA = "application/vnd.oci.image"


def image(layer: Path, archive: Path, name: str, entrypoint: list[str]) -> Path:
    """Write an image of the given layer, a tar archive, and return the archive."""
    with tarfile.open(archive, "w") as out:

        def blob(content: bytes) -> dict[str, Any]:
            digest = hashlib.sha256(content).hexdigest()
            _add(out, f"blobs/sha256/{digest}", content)
            return {"digest": f"sha256:{digest}", "size": len(content)}

        files = {"mediaType": f"{MEDIA}.layer.v1.tar", **blob(layer.read_bytes())}
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": entrypoint, "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [files["digest"]]},
        }
        described = {"mediaType": f"{MEDIA}.config.v1+json", **blob(json.dumps(config).encode())}
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{MEDIA}.manifest.v1+json",
            "config": described,
            "layers": [files],
        }
        reference = {"mediaType": f"{MEDIA}.manifest.v1+json", **blob(json.dumps(manifest).encode())}
        names = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
        index = {"schemaVersion": 2, "manifests": [{**reference, "annotations": names}]}
        _add(out, "index.json", json.dumps(index).encode())
        _add(out, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
    return archive


def _add(out: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    out.addfile(entry, io.BytesIO(content))
