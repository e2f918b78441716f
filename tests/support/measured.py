"""Figures a run has measured: printed, and shown again at the end of a test run that passed."""

PREFIX = "measured: "


def tell(text: str) -> None:
    """Print one figure with what it is."""
    print(PREFIX + text, flush=True)  # noqa: T201 - the figure is what one looks for in a log
