"""What real environments need that `make test` does not install by itself, and why: one table a source."""

from __future__ import annotations

APT = {
    "busybox-static": "the programs of the root file system that containers, pods and virtual machines share",
    "containerd": "pods over the container runtime interface (CRI), as a kubelet makes them",
    "cpio": "packs the root file system for a virtual machine to boot from",
    "docker.io": "containers by the Docker engine",
    "ipxe-qemu": "firmware that QEMU's PC wants",
    "podman": "containers by podman",
    "qemu-system-x86": "virtual machines and microVMs, by emulation",
    "qemu-utils": "the disk that a virtual machine's state is saved to",
    "runc": "starts the containers of all three engines",
    "seabios": "firmware of QEMU's PC and of its microVM",
}

# Unpacked, never installed: flavour → the package that depends on the newest of them.
KERNELS = {
    "cloud": "linux-image-6.12-cloud-amd64",  # has the driver for VM generation ids
    "rt": "linux-image-rt-amd64",  # PREEMPT_RT
}

NPM = {
    "pyodide": "314.0.7",  # CPython on WebAssembly under Node, which comes with pyright
}
