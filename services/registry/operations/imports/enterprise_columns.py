"""The columns of firms in files."""

from typing import Final

from services.registry.domain.certificates import CertificateKind
from services.registry.domain.codes.lists import as_texts
from services.registry.domain.enterprises import CONTACT_ROLE_NAMES, ENTERPRISE_KIND_NAMES
from services.registry.domain.sheets import Column, Kind
from services.registry.schemas.enterprise_files import EnterpriseRow
from services.registry.schemas.tables import columns_of

_ZH: Final = {
    "name": "企业名称",
    "uscc": "统一社会信用代码",
    "kind": "企业类型",
    "address": "地址",
    "contact_role": "联系人类型",
    "contact_name": "联系人姓名",
    "contact_phone": "联系人电话",
    "member_from": "加入日期",
    "member_to": "退出日期",
    "business_licence_number": "营业执照号",
    "business_licence_valid_to": "营业执照有效期止",
    "road_transport_permit_number": "道路运输经营许可证号",
    "road_transport_permit_valid_to": "道路运输经营许可证有效期止",
}
ID: Final = Column(
    "id",
    "登记编号",
    Kind.TEXT,
    rule="导出文件带有，新增时留空 / as in an export; empty for a new one",
    example="",
)
"""Tells a firm that was closed from the one that has its code now."""
COLUMNS: Final = (
    *columns_of(
        EnterpriseRow,
        _ZH,
        codes={"kind": as_texts(ENTERPRISE_KIND_NAMES), "contact_role": as_texts(CONTACT_ROLE_NAMES)},
        first=("uscc", "name", "kind"),
    ),
    ID,
    Column("status", "状态", Kind.TEXT, writable=False),
)
CONTACT: Final = ("contact_role", "contact_name", "contact_phone")
"""Columns that an export leaves empty: contacts are shown masked and nowhere else."""
LICENCES: Final = {
    CertificateKind.BUSINESS_LICENCE: ("business_licence_number", "business_licence_valid_to"),
    CertificateKind.ROAD_TRANSPORT_PERMIT: (
        "road_transport_permit_number",
        "road_transport_permit_valid_to",
    ),
}
"""Columns of number and last day, by kind of licence."""
