"""Numbers as people read them."""


def size_text(size_bytes: int) -> str:
    """``0 B``, ``12.3 kB``, ``45.6 MB``: powers of 1000, as OneDrive shows them."""
    value = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def count_text(count: int) -> str:
    """With thousands set apart."""
    return f"{count:,}"


def counted(count: int, one: str, many: str = "") -> str:
    """``1 file``, ``2 files``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def seconds_text(seconds: float) -> str:
    """With one decimal."""
    return f"{seconds:.1f} s"
