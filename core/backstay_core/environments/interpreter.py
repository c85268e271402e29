"""What an interpreter alone can tell, where there is no operating system around it: WebAssembly and microcontrollers.

`setting:` rows take what the configuration says in the place of what cannot be read.
"""

from backstay_core.environments import machine
from backstay_core.environments.health import Rule
from backstay_core.environments.machine import same
from backstay_core.environments.parsing import percent
from backstay_core.environments.sources import From, Row

[_TIMESTAMP] = [row for row in machine.USAGE if row.name == "timestamp"]
_PYTHON = (
    Row("system_name", "", "what the interpreter was built for",
        From("fact:system", parse=same), From("fact:platform", parse=same)),
    Row("system_version", "", "its release", From("fact:release", parse=same)),
    Row("architecture", "", "of the processor", From("fact:machine", parse=same)),
    Row("python", "", "the interpreter", From("fact:python", parse=same)),
)  # fmt: skip

# WebAssembly

WEBASSEMBLY_INFO = _PYTHON + (
    Row("runtime", "", "that runs the module", From("fact:wasm_runtime", parse=same)),
    Row("total_memory", "bytes", "that an instance may have", From("setting:memory_limit", parse=same)),
)  # fmt: skip
WEBASSEMBLY_USAGE = (
    _TIMESTAMP,
    Row("memory_usage_bytes", "bytes", "size of the linear memory, which never shrinks",
        From("fact:wasm_memory", parse=same)),
    Row("memory_usage_percent", "%", "of the limit in the configuration",
        From("=memory_usage_bytes", "setting:memory_limit", parse=percent)),
)  # fmt: skip
MEMORY_ALONE = (Rule("memory", "memory_usage_percent", "%", 80.0, 90.0, 97.0),)

# Microcontrollers


def _free(heap: "list[int]") -> int:
    return heap[0] + heap[1]


EMBEDDED_INFO = _PYTHON + (
    Row("total_memory", "bytes", "the interpreter's heap, or what the configuration says",
        From("fact:heap", parse=_free), From("setting:total_memory", parse=same)),
    Row("total_cpu_cores", "cores", "that the configuration says", From("setting:total_cpu_cores", parse=same)),
)  # fmt: skip
EMBEDDED_USAGE = (
    _TIMESTAMP,
    Row("memory_usage_bytes", "bytes", "of the interpreter's heap", From("fact:heap", parse=lambda heap: heap[0])),
    Row("memory_usage_percent", "%", "of the heap", From("fact:heap", parse=lambda h: percent(h[0], h[0] + h[1]))),
)  # fmt: skip
