"""Audit logs: append-only, each entry chained to the one before, committed before the answer leaves.

CHECK_LOG = LogTable("permits", "check_log", (Repeated(…),))     # models
log = AuditLog(database, CHECK_LOG); pos = await log.append(Record(…))
access = AccessLog(database, "registry"); pos = await access.record(who, Reading(…), now, request_id)
assert await find_break(database, CHECK_LOG, checkpoint) is None
"""

from services.shared.audit.access import AccessLog, Reading
from services.shared.audit.chain import GENESIS, chain, first_break
from services.shared.audit.log import AuditLog, Head, Record, fetch_head
from services.shared.audit.tables import (
    LogTable,
    Repeated,
    access_log_of,
    access_log_table,
    create_access_log,
)
from services.shared.audit.verification import find_break

__all__ = [
    "GENESIS",
    "AccessLog",
    "AuditLog",
    "Head",
    "LogTable",
    "Reading",
    "Record",
    "Repeated",
    "access_log_of",
    "access_log_table",
    "chain",
    "create_access_log",
    "fetch_head",
    "find_break",
    "first_break",
]
