"""The gateway's own errors."""

from typing import ClassVar

from services.shared.errors import Conflict, Gone, NotFound


class DatasetUnknown(NotFound):
    """No such dataset, or not for this audience: the two are not told apart."""

    slug: ClassVar[str] = "dataset-unknown"
    title_zh: ClassVar[str] = "没有此数据集"
    title_en: ClassVar[str] = "No such dataset"


class ExchangeForked(Conflict):
    """The cursor is of another history than this log."""

    slug: ClassVar[str] = "feed-forked"
    title_zh: ClassVar[str] = "变更流已分叉，请从快照重新开始"
    title_en: ClassVar[str] = "The feed has forked; start again from the snapshot"

    def __init__(self, detail: str, dataset: str) -> None:
        super().__init__(detail, extra={"snapshot": f"/exchange/v1/{dataset}/snapshot"})


class ExchangeCut(Gone):
    """The position is no longer kept."""

    slug: ClassVar[str] = "feed-compacted"
    title_zh: ClassVar[str] = "该位置已被压缩清理，请从快照重新开始"
    title_en: ClassVar[str] = "The position was compacted away; start again from the snapshot"

    def __init__(self, detail: str, dataset: str) -> None:
        super().__init__(detail, extra={"snapshot": f"/exchange/v1/{dataset}/snapshot"})
