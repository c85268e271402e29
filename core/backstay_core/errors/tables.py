"""What exceptions mean, as data: Python's own by class, other libraries' by qualified name, system errors by errno
name.

Classes that say nothing of their own (`ValueError`, `KeyError`, `RuntimeError`) are absent: they are *unknown*, which a
breaker counts and a Retry leaves alone unless it is told otherwise.
"""

#  Exception class, looked up along the method resolution order → kind
CLASSES = (
    (TimeoutError, "timeout"),
    (ConnectionRefusedError, "connect"),
    (ConnectionError, "disconnect"),
    (EOFError, "disconnect"),
    (PermissionError, "permission"),
    (FileNotFoundError, "missing"),
    (ProcessLookupError, "missing"),
    (FileExistsError, "conflict"),
    (BlockingIOError, "throttle"),
    (MemoryError, "capacity"),
    (RecursionError, "programming"),
    (NotImplementedError, "programming"),
    (TypeError, "programming"),
    (AttributeError, "programming"),
    (NameError, "programming"),
    (AssertionError, "programming"),
    (ImportError, "programming"),
    (SyntaxError, "programming"),
    (KeyboardInterrupt, "cancelled"),
    (SystemExit, "cancelled"),
    (GeneratorExit, "cancelled"),
)

#  "module.Class" of libraries that Backstay does not import → kind.  "capacity": the dependency was never reached.
NAMES = {
    "asyncio.exceptions.CancelledError": "cancelled",
    "trio.Cancelled": "cancelled",
    "socket.gaierror": "connect",
    "ssl.SSLCertVerificationError": "permission",
    "ssl.SSLEOFError": "disconnect",
    "http.client.RemoteDisconnected": "disconnect",
    "http.client.IncompleteRead": "disconnect",
    "http.client.BadStatusLine": "data",
    "httpx.PoolTimeout": "capacity",
    "httpx.ConnectTimeout": "connect",
    "httpx.ConnectError": "connect",
    "httpx.TimeoutException": "timeout",
    "httpx.RemoteProtocolError": "disconnect",
    "httpx.NetworkError": "disconnect",
    "httpx.InvalidURL": "validation",
    "httpcore.PoolTimeout": "capacity",
    "httpcore.ConnectTimeout": "connect",
    "httpcore.ConnectError": "connect",
    "httpcore.TimeoutException": "timeout",
    "httpcore.NetworkError": "disconnect",
    "requests.exceptions.ConnectTimeout": "connect",
    "requests.exceptions.Timeout": "timeout",
    "requests.exceptions.ConnectionError": "disconnect",
    "requests.exceptions.ChunkedEncodingError": "disconnect",
    "urllib3.exceptions.NewConnectionError": "connect",
    "urllib3.exceptions.ConnectTimeoutError": "connect",
    "urllib3.exceptions.EmptyPoolError": "capacity",
    "urllib3.exceptions.TimeoutError": "timeout",
    "urllib3.exceptions.ProtocolError": "disconnect",
    "aiohttp.client_exceptions.ClientConnectorError": "connect",
    "aiohttp.client_exceptions.ServerTimeoutError": "timeout",
    "aiohttp.client_exceptions.ClientConnectionError": "disconnect",
    "aiohttp.client_exceptions.ClientPayloadError": "disconnect",
    "redis.exceptions.ConnectionError": "disconnect",
    "redis.exceptions.TimeoutError": "timeout",
    "redis.exceptions.BusyLoadingError": "unavailable",
    "concurrent.futures._base.CancelledError": "cancelled",
    "concurrent.futures.thread.BrokenThreadPool": "internal",
    "concurrent.futures.process.BrokenProcessPool": "internal",
}

#  errno by name (numbers differ between systems) → kind
ERRNO = {
    "ECONNREFUSED": "connect", "EHOSTUNREACH": "connect", "ENETUNREACH": "connect", "EHOSTDOWN": "connect",
    "ENETDOWN": "connect", "EADDRNOTAVAIL": "capacity",
    "ECONNRESET": "disconnect", "EPIPE": "disconnect", "ECONNABORTED": "disconnect", "ESHUTDOWN": "disconnect",
    "ENETRESET": "disconnect",
    "ETIMEDOUT": "timeout", "ETIME": "timeout",
    "EAGAIN": "throttle", "EWOULDBLOCK": "throttle", "EBUSY": "conflict",
    "EMFILE": "capacity", "ENFILE": "capacity", "ENOMEM": "capacity", "ENOSPC": "capacity", "EDQUOT": "capacity",
    "ENOBUFS": "capacity",
    "EACCES": "permission", "EPERM": "permission", "EROFS": "permission",
    "ENOENT": "missing", "ESRCH": "missing", "ENODEV": "missing", "ENXIO": "missing",
    "EEXIST": "conflict", "ETXTBSY": "conflict",
    "ENOTEMPTY": "state", "ENOTCONN": "state", "EISCONN": "state", "EALREADY": "state",
    "EINVAL": "validation", "ENAMETOOLONG": "validation", "EISDIR": "validation", "ENOTDIR": "validation",
    "ENOSYS": "unsupported", "EOPNOTSUPP": "unsupported", "ENOTSUP": "unsupported", "EAFNOSUPPORT": "unsupported",
    "EIO": "internal", "EBADMSG": "data", "EILSEQ": "data", "ECANCELED": "cancelled",
}  # fmt: skip
