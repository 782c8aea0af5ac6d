"""Listing text cannot break out of its cell, open a link, or hide anything; and it stays readable."""

from __future__ import annotations

import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.results.untrusted import clean, clean_message


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("  Lip   oil\n\tset ", "Lip oil set"),
        ("a|b", "a/b"),
        ("<b>bold</b>", "‹b›bold‹/b›"),
        ("[click](https://evil.example)", "(click)(https: //evil.example)"),
        ("`rm`", "'rm'"),
        ("a\u202eb\u200bc\u2066d", "abcd"),
        ("a\U000e0041\U000e0042b", "ab"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("heart\ufe0f \u2764", "heart ❤"),
        ("\ud83d lone", "lone"),
        ("a\u3164b\u2800c", "abc"),
        ("ﬁne", "ﬁne"),
        ("a\u180bb\u180fc", "abc"),
        ("Lip｜oil│set", "Lip/oil/set"),
        ("\x9b31mred\x9b0m", "red"),
        ("a\x1cb\x85c", "a b c"),
        ("Health &amp; Beauty, H&M, R&D", "Health & Beauty, H&M, R&D"),
        ("Lotion&ampoule", "Lotion&ampoule"),
        ("&lt;a href&gt;&#124;&#x202e;b&ZeroWidthSpace;c", "‹a href›/bc"),
        ("&\u200blt;i&gt;", "‹i›"),
        ("&amp;#8238;twice &amp;amp;lt;", "& #8238;twice & amp;lt;"),
        (f"&#{'1' * 99};", "\ufffd"),
        ("see _www.evil.example, awww.no", "see _www. evil.example, awww.no"),
        ("\u0338\u0e31 Lip", "Lip"),
        ("\u0301" * 9, ""),
        ("ก" + "็" * 40, "ก็็็"),
        ("ส" + "้" * 40 + "บู่", "ส้้้บู่"),
        ("a" + "\u064b" * 30, "a" + "\u064b" * 3),
        ("क" + "\u0902\u20dd" * 9, "क\u0902\u20dd\u0902"),
        ("ǀ ׀ ⏽ ║ ‖ ╎ ∥ ￤ 丨 ǁ", "/ / / / / / / / / /"),
        ("香水丨女士", "香水/女士"),
        ("ask shop@evil.example, @shop or 3@9.99", "ask shop@ evil.example, @shop or 3@ 9.99"),
        ("a&#64;evil.example MAILTO:a\u200b@b.c tel:+1", "a@ evil.example MAILTO: a@ b.c tel: +1"),
        ("Za\u0335\u0336\u0337\u0338\u0334lgo", "Za\u0335\u0336\u0337lgo"),
    ],
)
def test_text_is_cleaned(raw: str, shown: str) -> None:
    assert clean(raw) == shown


def test_thai_vowels_are_kept_as_they_are() -> None:
    assert clean("น้ำหอม") == "น้ำหอม"
    assert "\u0e33" in clean("น้ำ"), "NFKC would take SARA AM apart"


@pytest.mark.parametrize(
    "name",
    [
        "ป๊อปคอร์นพันธุ์ดี ผู้หญิง ที่สุด ศักดิ์สิทธิ์ น้ำหอม",  # Thai
        "مُحَمَّدٌ عِطْرٌ فَاخِرٌ لِلرِّجَالِ ٱللَّٰهُ",  # Arabic, with all its vowels
        "Nước hoa nữ cao cấp, chất lượng tuyệt đối ẵ ậ",  # Vietnamese
        "हिन्दी में ख़ूबसूरत साड़ियाँ क्ष्म्य",  # Hindi
        "カバン プレゼント ガーゼ",  # Japanese
    ],
)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_no_name_s_own_marks_are_lost(name: str, form: Literal["NFC", "NFD"]) -> None:
    assert clean(unicodedata.normalize(form, name)) == unicodedata.normalize("NFC", name)


@given(st.text(max_size=200))
def test_what_comes_out_is_one_visible_line_without_markers(raw: str) -> None:
    text = clean(raw)
    assert not set(text) & set("|<>[]`\\")
    assert "://" not in text
    assert text == text.strip()
    assert not text or unicodedata.category(text[0])[0] != "M"
    assert "  " not in text
    assert all(
        unicodedata.category(one)[0] != "C" and (one == " " or unicodedata.category(one)[0] != "Z") for one in text
    )


HOSTILE = st.text(
    st.sampled_from("&amplt#x8238;\u200b\u0301\u0338\x1b[31m<|w.Ww \u0e31:/") | st.characters(), max_size=60
)


@given(HOSTILE)
def test_cleaning_twice_changes_nothing(raw: str) -> None:
    assert clean(clean(raw)) == clean(raw)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("Expected ']' at the end of a table declaration.", "Expected ']' at the end of a table declaration."),
        ("Unescaped '\\\\' in a string", "Unescaped '\\\\' in a string"),
        ('as [{ metric = "growth_7d", above = 0.3 }]', 'as [{ metric = "growth_7d", above = 0.3 }]'),
        ("[click](https://evil.example) [a][b]", "[click] (https: //evil.example) [a] [b]"),
        ("a|<b>`c`\n\x1b[31md\u202ee www.x.example &lt;i&gt;", "a/‹b›'c' de www. x.example ‹i›"),
        ("[x]\u200b(y)", "[x] (y)"),
    ],
)
def test_a_message_keeps_its_brackets_and_opens_no_link(raw: str, shown: str) -> None:
    assert clean_message(raw) == shown


@given(st.text())
def test_of_a_message_nothing_is_left_but_brackets_and_backslashes(raw: str) -> None:
    cleaned = clean_message(raw)
    assert not set(cleaned) & set("|<>`\n")
    assert not any(pair in cleaned for pair in ("](", "][", "://"))
    assert clean_message(cleaned) == cleaned
