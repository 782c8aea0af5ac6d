"""Where a description ends and the seller's own particulars begin: names, addresses and numbers stay out of answers.

Some descriptions end in a block such as "Seller information / Business name: … / Business address: …", in the
market's language, or in a line with an e-mail address or a telephone number.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# Unmistakable wherever they stand. A stem is enough where the language bends words.
_PHRASES: Final = (
    # English
    "seller information|seller info|seller details|trader information|business name|business address",
    "company name|company address|registered address|registered office|responsible person|customer service",
    r"(?:manufacturer|importer)(?:['’]s)? (?:information|info|details|name|address)",
    # Thai, Vietnamese, Indonesian, Malay
    "ข้อมูลผู้ขาย|ข้อมูลร้านค้า|ข้อมูลผู้ผลิต|ข้อมูลผู้นำเข้า|ชื่อธุรกิจ|ชื่อบริษัท|ที่อยู่บริษัท|ที่อยู่ธุรกิจ",
    "thông tin người bán|thông tin nhà sản xuất|thông tin nhà nhập khẩu|tên doanh nghiệp|tên công ty",
    "địa chỉ (?:doanh nghiệp|công ty|kinh doanh)|người chịu trách nhiệm",
    "informasi penjual|informasi produsen|informasi importir|nama usaha|nama perusahaan|alamat (?:usaha|perusahaan)",
    "maklumat penjual|maklumat pengilang|maklumat pengimport|nama perniagaan|nama syarikat",
    "alamat (?:perniagaan|syarikat)",
    # Spanish, Portuguese, Italian, French, German
    "información del (?:vendedor|fabricante|importador)|nombre comercial|nombre de la empresa|razón social",
    "dirección (?:comercial|fiscal|de la empresa)|persona responsable",
    "informações do (?:vendedor|fabricante)|nome (?:comercial|da empresa)|razão social|cnpj",
    "endereço (?:comercial|da empresa)",
    "informazioni sul venditore|ragione sociale|nome (?:commerciale|dell['’]azienda)",
    "indirizzo (?:commerciale|dell['’]azienda)",
    "informations (?:sur le|du) vendeur|raison sociale|nom (?:commercial|de l['’]entreprise)",
    "adresse (?:commerciale|de l['’]entreprise)|personne responsable",
    "verkäuferinformation|herstellerinformation|angaben zum hersteller|firmenname|unternehmensname",
    "geschäftsadresse|firmenadresse|verantwortliche person|impressum",
    # Japanese, Chinese, Arabic
    "販売者情報|販売業者|事業者名|会社名|会社住所|製造者情報|輸入者情報|特定商取引",
    "卖家信息|商家信息|公司名称|公司地址|賣家資訊",
    "معلومات البائع|اسم الشركة|عنوان الشركة",
)
# These mean it only as a label, "Address: …", or as a line of their own.
_LABELS: Final = (
    r"seller|business|company|address|manufacturer|manufactured by|made by|importer|imported by|distributor",
    r"e-?mail|phone|phone number|tel|telephone|mobile|whatsapp|wechat|line id|contact|contact us|customer support",
    "ผู้ขาย|ร้านค้า|บริษัท|ที่อยู่|ผู้ผลิต|ผู้นำเข้า|ผู้จัดจำหน่าย|จัดจำหน่ายโดย|อีเมล|โทร|โทรศัพท์|เบอร์โทร|ติดต่อ",
    "người bán|công ty|địa chỉ|nhà sản xuất|nhà nhập khẩu|nhà phân phối|đơn vị (?:sản xuất|nhập khẩu|phân phối)",
    "điện thoại|số điện thoại|sđt|hotline|liên hệ",
    "penjual|perusahaan|alamat|produsen|importir|surel|telepon|telp|kontak",
    "syarikat|pengilang|pengimport|e-?mel|telefon|hubungi",
    "vendedor|empresa|dirección|domicilio|fabricante|importador|correo|correo electrónico|teléfono|contacto",
    "endereço|telefone|contato|venditore|azienda|indirizzo|produttore|importatore|telefono|contatto",
    "vendeur|société|entreprise|adresse|fabricant|importateur|courriel|téléphone",
    "verkäufer|verkäuferin|firma|anschrift|hersteller|importeur|kontakt",
    "販売者|販売元|発売元|所在地|住所|製造者|製造元|輸入者|輸入元|メール|メールアドレス|電話|電話番号|連絡先",
    "卖家|公司|地址|制造商|生产商|进口商|邮箱|电话",
    "البائع|الشركة|العنوان|الشركة المصنعة|المستورد|البريد الإلكتروني|الهاتف",
)


def _one_of(alternatives: tuple[str, ...]) -> str:
    return f"(?:{unicodedata.normalize('NFC', '|'.join(alternatives))})"


# Latin words are looked for as whole words at their front; other scripts write without spaces.
_PHRASE: Final = re.compile(rf"(?<![A-Za-zÀ-ỹ]){_one_of(_PHRASES)}", re.IGNORECASE)
_LABEL: Final = re.compile(
    # A remark in brackets may stand between a label and its colon.
    rf"(?:^|(?<=[.!?;,。！？、•】])|(?<=[.!?;,/•–-] ))[【(]?{_one_of(_LABELS)}[】)]?(?: ?\([^()]{{0,120}}\))? ?[:：]"
    rf"|^[【(]?{_one_of(_LABELS)}[】)]?$",
    re.IGNORECASE,
)
_REACH: Final = re.compile(
    r"[\w.+-]{1,64}@ ?[\w-]{1,63}\.[\w.-]{2,}"  # e-mail, broken as the cleaning leaves it
    r"|\+ ?\d[\d ().-]{7,}\d"  # telephone, international
    r"|(?<![\d.,-])\(?0\d{1,4}\)?[ -]\d{2,4}[ -]\d{3,4}(?![\d-])"  # and within a country
    r"|(?<![A-Za-z])(?:tel|telp|telepon|telefon|telefone|teléfono|téléphone|whatsapp|zalo|hotline|sđt|điện thoại"
    r"|โทร|โทรศัพท์|電話|电话|هاتف)[ .:：]{0,3}\+?\d(?:[ ().-]{0,2}\d){6,}",
    re.IGNORECASE,
)
_SENTENCE_END: Final = re.compile(r"[.!?。！？;•]\s|[。！？]")


def before_seller(line: str) -> str | None:
    """What of a cleaned line stands before seller information; `None` when there is none of that in it."""
    starts = [found.start() for pattern in (_PHRASE, _LABEL) if (found := pattern.search(line))]
    if reach := _REACH.search(line):
        # The sentence around it goes, too.
        ends = [found.end() for found in _SENTENCE_END.finditer(line, 0, reach.start())]
        starts.append(ends[-1] if ends else 0)
    return line[: min(starts)].rstrip(" ,;:：-–/(【•") if starts else None
