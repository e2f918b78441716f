"""Answers that tell a follower its cursor no longer leads on; both name the way back."""

from typing import ClassVar

from services.shared.errors import Conflict, Gone

SNAPSHOT_PATH = "/internal/v1/snapshot"


class FeedForked(Conflict):
    """The cursor is of another history: a restored source, or a position with other contents."""

    slug: ClassVar[str] = "feed-forked"
    title_zh: ClassVar[str] = "变更流已分叉，请从快照重新开始"
    title_en: ClassVar[str] = "The feed has forked; start again from the snapshot"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, extra={"snapshot": SNAPSHOT_PATH})


class FeedCompacted(Gone):
    """The position was cut by compaction."""

    slug: ClassVar[str] = "feed-compacted"
    title_zh: ClassVar[str] = "该位置已被压缩清理，请从快照重新开始"
    title_en: ClassVar[str] = "The position was compacted away; start again from the snapshot"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, extra={"snapshot": SNAPSHOT_PATH})
