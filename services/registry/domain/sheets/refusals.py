"""Why a whole file is refused."""

from services.shared.standards.check import Reason


class SheetRefused(ValueError):
    """Nothing of the file is taken."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(code)
        self.reason = Reason(code, zh, en)
