"""Regions: a code in any case, UK, or a name; unknown codes pass, anything else does not."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.reference.regions import KNOWN, doubt, normalise


def test_the_markets_that_are_known_to_work_are_known() -> None:
    assert " ".join(KNOWN) == "US ID TH PH MY VN GB MX SG SA BR ES JP DE IT FR IE"


@pytest.mark.parametrize("code", KNOWN)
def test_a_known_market_is_taken_by_code_and_name_in_any_case(code: str) -> None:
    for spelling in (code, code.lower(), f" {code} ", KNOWN[code], KNOWN[code].lower(), KNOWN[code].upper()):
        region = normalise(spelling)
        assert (region.code, region.known) == (code, True)


@pytest.mark.parametrize("spelling", ["UK", "uk", " Uk", "Great Britain", "great  britain", "united kingdom"])
def test_the_united_kingdom_is_gb_however_it_is_called(spelling: str) -> None:
    assert normalise(spelling).code == "GB"


@pytest.mark.parametrize("code", ["PL", "au", "zz"])
def test_an_unknown_code_is_passed_on_because_the_list_is_open(code: str) -> None:
    region = normalise(code)
    assert (region.code, region.known) == (code.upper(), False)


@pytest.mark.parametrize("text", ["", " ", "U", "USX", "U5", "U-S", "Atlantis", "ไทย", "\u0430\u0441", "U\nS"])
def test_what_is_no_code_is_refused_with_those_that_work(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be a two-letter country code; known are US, ID, TH, .*, IE\."):
        normalise(text)


def test_of_a_code_that_is_not_known_those_that_differ_by_a_letter_are_told() -> None:
    assert doubt("UX") == "UX is not among the markets known to work here; the nearest are US, MX."
    assert doubt("XH") == "XH is not among the markets known to work here; the nearest are TH, PH."
    assert doubt("SU") == "SU is not among the markets known to work here; the nearest are US, SG, SA."
    assert doubt("AU") == f"AU is not among the markets known to work here; known are {', '.join(KNOWN)}."
    assert {doubt(code) for code in KNOWN} == {""}


@given(st.text(max_size=30))
def test_any_text_whatever_is_a_code_of_two_letters_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert re.fullmatch("[A-Z]{2}", normalise(text).code)
