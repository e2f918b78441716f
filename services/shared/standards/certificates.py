"""Names of the certificates 证照 the registry keeps, Chinese and English, by their kind."""

from typing import Final

CERTIFICATE_NAMES: Final[dict[str, tuple[str, str]]] = {
    "business_licence": ("营业执照", "business licence"),
    "road_transport_permit": ("道路运输经营许可证", "road transport operation permit"),
    "network_freight_permit": ("网络货运经营许可", "network freight operation permit"),
    "express_permit": ("快递业务经营许可证", "express delivery operation permit"),
    "a_grade": ("A级物流企业证书（GB/T 19680）", "A-grade logistics certificate (GB/T 19680)"),
    "inspection": ("机动车检验合格", "vehicle inspection"),
    "insurance": ("机动车保险", "vehicle insurance"),
    "road_transport_certificate": ("道路运输证", "road transport certificate"),
    "driving_licence": ("机动车驾驶证", "driving licence"),
    "qualification": ("道路货运从业资格证", "road freight qualification certificate"),
}
"""By kind; a kind that came later is named by its code."""
