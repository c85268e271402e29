"""The same decisions, taken inside a WASM component: the host library for Python.

``Engine`` is the component with plain values in and out. ``Policy`` has the surface of `backstay.Policy`, and its
decisions come from the component.
"""

try:
    import wasmtime as wasmtime
except ImportError:
    raise ImportError("backstay_wasm needs the 'wasm' extra: pip install 'backstay[wasm]'") from None

from backstay_core.documents import EngineError
from backstay_wasm.engine import Engine
from backstay_wasm.policy import Policy
from backstay_wasm.values import CallLost, Decision, IncompatibleComponent, Limits

__all__ = ["CallLost", "Decision", "Engine", "EngineError", "IncompatibleComponent", "Limits", "Policy"]
