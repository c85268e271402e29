"""What exceptions mean, as data: Python's own by class, other libraries' by qualified name.

Classes that say nothing of their own (`ValueError`, `KeyError`, `RuntimeError`) are absent: they are *unknown*, which a
breaker counts and a Retry leaves alone unless it is told otherwise.
"""

#  Exception class, looked up along the method resolution order → kind
CLASSES = {
    TimeoutError: "timeout",
    ConnectionRefusedError: "connect",
    ConnectionError: "disconnect",
    EOFError: "disconnect",
    PermissionError: "permission",
    FileNotFoundError: "missing",
    ProcessLookupError: "missing",
    FileExistsError: "conflict",
    BlockingIOError: "throttle",
    MemoryError: "capacity",
    RecursionError: "programming",
    NotImplementedError: "programming",
    TypeError: "programming",
    AttributeError: "programming",
    NameError: "programming",
    AssertionError: "programming",
    ImportError: "programming",
    SyntaxError: "programming",
    KeyboardInterrupt: "cancelled",
    SystemExit: "cancelled",
    GeneratorExit: "cancelled",
}

#  "module.Class", or "package.Class" however deep the module is, of what Backstay does not import → kind.
#  "connect": nothing was sent. "capacity": the pool of this process was empty, the dependency was never asked.
_NAMES = {
    "backstay_core.failure.ConfigurationError": "programming",
    "backstay_core.failure.SnapshotError": "validation",
    "asyncio.CancelledError": "cancelled",
    "trio.Cancelled": "cancelled",
    "trio.TooSlowError": "timeout",
    "trio.BrokenResourceError": "disconnect",
    "anyio.BrokenResourceError": "disconnect",
    "anyio.EndOfStream": "disconnect",
    "concurrent.CancelledError": "cancelled",
    "concurrent.BrokenExecutor": "internal",
    "socket.gaierror": "connect",
    "socket.herror": "connect",
    "ssl.SSLCertVerificationError": "permission",
    "ssl.SSLError": "disconnect",
    "http.client.IncompleteRead": "disconnect",
    "http.client.BadStatusLine": "data",
    "http.client.InvalidURL": "validation",
    "httpx.PoolTimeout": "capacity",
    "httpx.ConnectTimeout": "connect",
    "httpx.ConnectError": "connect",
    "httpx.ProxyError": "connect",
    "httpx.TimeoutException": "timeout",
    "httpx.RemoteProtocolError": "disconnect",
    "httpx.NetworkError": "disconnect",
    "httpx.DecodingError": "data",
    "httpx.UnsupportedProtocol": "validation",
    "httpx.InvalidURL": "validation",
    "httpcore.PoolTimeout": "capacity",
    "httpcore.ConnectTimeout": "connect",
    "httpcore.ConnectError": "connect",
    "httpcore.ProxyError": "connect",
    "httpcore.TimeoutException": "timeout",
    "httpcore.RemoteProtocolError": "disconnect",
    "httpcore.NetworkError": "disconnect",
    "requests.ConnectTimeout": "connect",
    "requests.Timeout": "timeout",
    "requests.ProxyError": "connect",
    "requests.SSLError": "permission",
    "requests.ConnectionError": "disconnect",
    "requests.ChunkedEncodingError": "disconnect",
    "requests.InvalidURL": "validation",
    "requests.MissingSchema": "validation",
    "requests.TooManyRedirects": "validation",
    "urllib3.NewConnectionError": "connect",
    "urllib3.ConnectTimeoutError": "connect",
    "urllib3.ProxyError": "connect",
    "urllib3.EmptyPoolError": "capacity",
    "urllib3.TimeoutError": "timeout",
    "urllib3.ProtocolError": "disconnect",
    "urllib3.SSLError": "permission",
    "aiohttp.ClientConnectorError": "connect",
    "aiohttp.ServerTimeoutError": "timeout",
    "aiohttp.ClientConnectionError": "disconnect",
    "aiohttp.ClientPayloadError": "disconnect",
    "aiohttp.InvalidURL": "validation",
    "websockets.ConnectionClosed": "disconnect",
    "redis.AuthenticationError": "auth",
    "redis.BusyLoadingError": "unavailable",
    "redis.ConnectionError": "disconnect",
    "redis.TimeoutError": "timeout",
    "pymongo.ServerSelectionTimeoutError": "connect",
    "pymongo.AutoReconnect": "disconnect",
    "botocore.EndpointConnectionError": "connect",
    "botocore.ConnectTimeoutError": "connect",
    "botocore.ProxyConnectionError": "connect",
    "botocore.ReadTimeoutError": "timeout",
    "botocore.ConnectionClosedError": "disconnect",
    "botocore.SSLError": "permission",
    "botocore.NoCredentialsError": "auth",
    "botocore.ParamValidationError": "validation",
    "botocore.HTTPClientError": "disconnect",
}

#  httpx2 and httpcore2 have the classes of httpx and httpcore
NAMES = dict(
    _NAMES,
    **{name.replace(".", "2.", 1): kind for name, kind in _NAMES.items() if name.startswith(("httpx.", "httpcore."))},
)

#  Errors that only pass on another one → the attribute that holds it
WRAPPERS = {
    "urllib.error.URLError": "reason",
    "urllib3.MaxRetryError": "reason",
    "requests.ConnectionError": "args",
}

#  Errors of WASM runtimes, told apart by their text
WASM = ("wasmtime.Trap", "wasmtime.WasmtimeError")
