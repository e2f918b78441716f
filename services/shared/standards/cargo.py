"""Code lists of wlhy for waybills (`domain.md` §3.7): Chinese and English name of each code."""

from typing import Final

TRANSPORT_TYPES: Final[dict[str, tuple[str, str]]] = {
    "1": ("公路", "road"),
    "2": ("公铁", "road-rail"),
    "3": ("公水", "road-water"),
    "4": ("公空", "road-air"),
    "5": ("公铁水", "road-rail-water"),
    "6": ("公铁空", "road-rail-air"),
    "7": ("公水空", "road-water-air"),
    "8": ("公铁水空", "road-rail-water-air"),
}
BUSINESS_TYPES: Final[dict[str, tuple[str, str]]] = {
    "1002996": ("干线普货运输", "trunk general cargo"),
    "1003997": ("城市配送", "urban delivery"),
    "1003998": ("农村配送", "rural delivery"),
    "1002998": ("集装箱运输", "container transport"),
    "1003999": ("其他", "other"),
}
CARGO_TYPES: Final[dict[str, tuple[str, str]]] = {
    "0100": ("煤炭及制品", "coal and products"),
    "0200": ("石油天然气及制品", "oil, natural gas and products"),
    "0300": ("金属矿石", "metal ores"),
    "0400": ("钢铁", "iron and steel"),
    "0500": ("矿建材料", "mineral building materials"),
    "0600": ("水泥", "cement"),
    "0700": ("木材", "timber"),
    "0800": ("非金属矿石", "non-metal ores"),
    "0900": ("化肥及农药", "fertiliser and pesticides"),
    "1000": ("盐", "salt"),
    "1100": ("粮食", "grain"),
    "1200": ("机械设备电器", "machinery and electrical equipment"),
    "1300": ("轻工原料及制品", "light-industry materials and products"),
    "1400": ("有色金属", "non-ferrous metals"),
    "1500": ("轻工医药产品", "light-industry and pharmaceutical products"),
    "1601": ("鲜活农产品", "fresh farm produce"),
    "1602": ("冷藏冷冻货物", "chilled and frozen goods"),
    "1701": ("商品汽车", "new vehicles"),
    "1700": ("其他", "other"),
}
URBAN_DELIVERY: Final = "1003997"
PERISHABLE_CARGO: Final = frozenset({"1601", "1602"})
"""Cargo types that may need a temperature-controlled vehicle."""
