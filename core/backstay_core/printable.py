"""Text from elsewhere, as a line of which a terminal or a log makes nothing else."""


def printable(text: str) -> str:
    """`text` with an escape for whatever is no visible character or space: ends of lines, colours, bells, marks that
    turn the direction of writing, halves of surrogate pairs."""
    if text.isprintable():
        return text
    return "".join([char if char.isprintable() else ascii(char)[1:-1] for char in text])
