"""Names of persons, for display."""


def mask_name(name: str) -> str:
    """Mask a person's name: its first character stays (`张*`, `欧*`), its length is not shown."""
    return f"{name.strip()[:1]}*"
