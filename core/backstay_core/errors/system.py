"""System errors, by errno *name*: the numbers differ between operating systems and WASI."""

from backstay_core.failure import ConfigurationError, Failure

#  errno name → kind
ERRNO = {
    "ECONNREFUSED": "connect", "EHOSTUNREACH": "connect", "ENETUNREACH": "connect", "EHOSTDOWN": "connect",
    "ENETDOWN": "connect", "ENONET": "connect",
    "EAI_AGAIN": "connect", "EAI_FAIL": "connect", "EAI_NONAME": "connect", "EAI_NODATA": "connect",
    "ECONNRESET": "disconnect", "EPIPE": "disconnect", "ECONNABORTED": "disconnect", "ESHUTDOWN": "disconnect",
    "ENETRESET": "disconnect",
    "ETIMEDOUT": "timeout", "ETIME": "timeout",
    "EAGAIN": "throttle", "EWOULDBLOCK": "throttle", "EINPROGRESS": "throttle",
    "EMFILE": "capacity", "ENFILE": "capacity", "ENOMEM": "capacity", "ENOSPC": "capacity", "EDQUOT": "capacity",
    "ENOBUFS": "capacity", "EADDRNOTAVAIL": "capacity", "ENOLCK": "capacity",
    "EACCES": "permission", "EPERM": "permission", "EROFS": "permission", "ENOTCAPABLE": "permission",
    "ENOENT": "missing", "ESRCH": "missing", "ENODEV": "missing", "ENXIO": "missing",
    "EEXIST": "conflict", "EBUSY": "conflict", "ETXTBSY": "conflict", "EADDRINUSE": "conflict", "EDEADLK": "conflict",
    "ENOTEMPTY": "state", "ENOTCONN": "state", "EISCONN": "state", "EALREADY": "state", "ESTALE": "state",
    "EINVAL": "validation", "ENAMETOOLONG": "validation", "EISDIR": "validation", "ENOTDIR": "validation",
    "EDOM": "validation", "ERANGE": "validation", "EMSGSIZE": "validation", "EFBIG": "validation",
    "ELOOP": "validation", "EBADF": "programming", "EFAULT": "programming",
    "ENOSYS": "unsupported", "EOPNOTSUPP": "unsupported", "ENOTSUP": "unsupported", "EAFNOSUPPORT": "unsupported",
    "EPROTONOSUPPORT": "unsupported",
    "EIO": "internal", "EBADMSG": "data", "EILSEQ": "data", "ECHECKSUM": "data",
    "ECANCELED": "cancelled", "EINTR": "cancelled",
}  # fmt: skip

_CODES = {"EEXIST": "ALREADY_EXISTS", "EDOM": "OUT_OF_RANGE", "ERANGE": "OUT_OF_RANGE"}


def from_errno(name: str, message: str = "") -> Failure:
    """The failure that the errno `name` ("ECONNREFUSED") stands for; *unknown* for a name that says nothing.

    Raises `ConfigurationError` unless `name` looks like one.
    """
    if not isinstance(name, str) or not 2 <= len(name) <= 40 or name[0] != "E" or not _is_word(name):
        raise ConfigurationError(f"an errno name looks like 'ECONNRESET'; got {str(type(name))[:60]}")
    kind = ERRNO.get(name, "unknown")
    return Failure(kind, message or name, code=_CODES.get(name), reason=name, domain="system")


def _is_word(name: str) -> bool:
    return all("A" <= char <= "Z" or "0" <= char <= "9" or char == "_" for char in name)
