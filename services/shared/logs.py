"""Structured logs: one JSON object a line, event name first, ids as fields.

Never a token, a person's number or a track; access lines carry the route, not the query.
"""

import logging
import sys
from typing import Any

import structlog


def configure_logs(process: str) -> None:
    """Send structlog and the standard library's warnings to standard error as JSON lines."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("event"),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(process=process)
    logging.basicConfig(
        level=logging.WARNING,
        format='{"event": "library", "level": "%(levelname)s", "logger": "%(name)s"}',
        stream=sys.stderr,
    )


def get_log(name: str) -> Any:
    """Return a logger whose lines carry the module's name."""
    return structlog.get_logger().bind(logger=name)
