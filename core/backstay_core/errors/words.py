"""Words for programs: AIP-193 has reasons in UPPER_SNAKE_CASE of at most 63 characters."""

MOST = 63


def upper_snake(name: str) -> str:
    """`ConnectTimeout` → ``CONNECT_TIMEOUT``, `HTTPError` → ``HTTP_ERROR``, ``not.a word`` → ``NOT_A_WORD``."""
    name = name[: 2 * MOST]
    out: "list[str]" = []
    for i, char in enumerate(name):
        if not ("a" <= char <= "z" or "A" <= char <= "Z" or "0" <= char <= "9"):
            char = "_"
        elif i and "A" <= char <= "Z":
            before = name[i - 1]
            after = name[i + 1 : i + 2]
            if "a" <= before <= "z" or "0" <= before <= "9" or ("A" <= before <= "Z" and "a" <= after <= "z"):
                out.append("_")
        out.append(char.upper())
    words = [word for word in "".join(out).split("_") if word]
    return "_".join(words)[:MOST]
