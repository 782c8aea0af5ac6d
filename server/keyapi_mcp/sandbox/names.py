"""Markets of the sandbox, and product names and descriptions in their languages."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Market:
    """price: median in USD; rate: local currency per USD; weight: share of the catalogue."""

    code: str
    language: str
    currency: str
    symbol: str
    rate: float
    price: float
    weight: int


MARKETS: Final = {
    market.code: market
    for market in (
        Market("US", "en", "USD", "$", 1, 19.9, 10),
        Market("GB", "en", "GBP", "£", 0.79, 19.0, 5),
        Market("TH", "th", "THB", "฿", 34, 3.7, 6),
        Market("VN", "vi", "VND", "₫", 25_400, 4.9, 6),
        Market("ID", "id", "IDR", "Rp", 15_900, 4.4, 6),
        Market("MY", "id", "MYR", "RM", 4.4, 5.2, 3),
        Market("PH", "en", "PHP", "₱", 58, 4.6, 3),
        Market("SG", "en", "SGD", "S$", 1.34, 9.5, 2),
        Market("MX", "es", "MXN", "$", 18.5, 8.3, 3),
        Market("ES", "es", "EUR", "€", 0.92, 14.0, 2),
        Market("JP", "ja", "JPY", "¥", 152, 13.0, 3),
        Market("DE", "de", "EUR", "€", 0.92, 16.0, 2),
    )
}

# (before, nouns, after): a name is some of each, as sellers pile them up.
_WORDS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]]] = {
    "en": (
        ("Hydrating", "2026 New", "Portable", "Premium", "Viral", "Upgraded", "Organic", "Waterproof", "Mini"),
        (
            "Lip Oil",
            "Storage Box",
            "Phone Stand",
            "Hair Clip",
            "Yoga Set",
            "Face Serum",
            "LED Lamp",
            "Tumbler",
            "Hoodie",
        ),
        (
            "Set of Three",
            "for Women",
            "with Free Gift",
            "Long Lasting",
            "Gift Idea",
            "for Home & Travel",
            "16oz",
            "Pack of 12",
        ),
    ),
    "th": (
        ("พร้อมส่ง", "ใหม่ล่าสุด", "ของแท้", "ขายดี", "ราคาพิเศษ", "รุ่นอัพเกรด"),
        ("เซรั่มบำรุงผิวหน้า", "น้ำหอมติดทนนาน", "กระเป๋าสะพายข้าง", "ลิปทินท์เนื้อแมตต์", "กล่องเก็บของ", "เสื้อยืดโอเวอร์ไซส์"),
        ("สำหรับผู้หญิง", "แพ็ค 3 ชิ้น", "กันน้ำกันเหงื่อ", "ส่งฟรีทั่วประเทศ", "ไม่แพ้ง่าย"),
    ),
    "vi": (
        ("Chính hãng", "Mẫu mới 2026", "Cao cấp", "Siêu hot", "Hàng loại một"),
        (
            "Son kem lì lâu trôi",
            "Áo thun nữ cổ tròn",
            "Kem chống nắng nâng tông",
            "Hộp đựng đồ đa năng",
            "Túi đeo chéo da mềm",
        ),
        ("dành cho nữ", "tặng kèm quà", "freeship toàn quốc", "combo 3 món", "không gây kích ứng"),
    ),
    "id": (
        ("Terlaris", "Original", "Kekinian", "Premium", "BPOM"),
        ("Serum Wajah Glowing", "Tas Selempang Wanita", "Kaos Oversize", "Kotak Penyimpanan Lipat", "Lip Cream Matte"),
        ("Tahan Lama", "Isi 3 Pcs", "Gratis Ongkir", "untuk Pria dan Wanita", "Anti Air"),
    ),
    "es": (
        ("Nuevo", "Original", "Portátil", "Más vendido", "Edición 2026"),
        (
            "Sérum facial hidratante",
            "Organizador plegable",
            "Bolso cruzado de mujer",
            "Lámpara LED recargable",
            "Labial mate",
        ),
        ("de larga duración", "juego de 3 piezas", "envío gratis", "para el hogar", "ideal para regalo"),
    ),
    "ja": (
        ("【新作】", "大人気", "送料無料", "2026年モデル", "限定"),
        (
            "保湿美容液セラム",
            "折りたたみ収納ボックス",
            "レディースショルダーバッグ",
            "ティントリップ",
            "充電式LEDライト",
        ),
        ("3点セット", "長時間キープ", "敏感肌にも", "プレゼントに最適", "男女兼用"),
    ),
    "de": (
        ("Neu", "Hochwertiges", "Tragbares", "Bestseller", "Premium"),
        (
            "Feuchtigkeitsserum",
            "Aufbewahrungsbox faltbar",
            "Umhängetasche Damen",
            "LED-Nachttischlampe",
            "Trinkflasche Edelstahl",
        ),
        ("für Zuhause und Reise", "3er-Set", "langanhaltend", "mit Geschenkbox", "auslaufsicher"),
    ),
}

# What strangers put into listings, now and then.
_MESS: Final = (
    "  {}  ",
    "{} | Official Store",
    "🔥{}🔥 50% OFF",
    "<b>{}</b>",
    "{} [Shop now](https://example.com)",
    "\u200b{}\u202e",
    "{}\t\tHOT",
)


def product_name(draw: random.Random, market: Market, category: str) -> str:
    """A seller's name for a product: of the market's language, or around the category in English."""
    before, nouns, after = _WORDS[market.language]
    noun = category if market.language == "en" else draw.choice(nouns)
    parts = [draw.choice(before), noun, *draw.sample(after, draw.randint(1, 3))]
    name = ("" if market.language == "ja" else " ").join(parts)
    return draw.choice(_MESS).format(name) if draw.random() < 0.06 else name


def sentences(draw: random.Random, market: Market, count: int) -> list[str]:
    """Sentences for a description."""
    before, nouns, after = _WORDS[market.language]
    joint = "" if market.language == "ja" else " "
    return [joint.join((draw.choice(before), draw.choice(nouns), *draw.sample(after, 3))) + "." for _ in range(count)]
