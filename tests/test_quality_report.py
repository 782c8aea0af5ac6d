"""The generated sections of docs/quality.md: replaced whole, compared without days and durations."""

from __future__ import annotations

import pytest
from quality import report

PAGE = "# Page\n<!-- begin: faults (generated) -->\nold\n<!-- end: faults -->\ntail\n"


def test_a_section_is_replaced_and_the_rest_stays() -> None:
    page = report.written(PAGE, "faults", "new")
    assert page == "# Page\n<!-- begin: faults (generated) -->\n\nnew\n\n<!-- end: faults -->\ntail\n"


def test_days_and_durations_do_not_differ_but_counts_and_texts_do() -> None:
    page = report.written(PAGE, "faults", "2026-11-24: 12 of 12 in 3.4 s, refused")
    assert report.differences(page, "faults", "2027-01-02: 12 of 12 in 51 ms, refused") == []
    assert report.differences(page, "faults", "2026-11-24: 11 of 12 in 3.4 s, refused")
    assert report.differences(page, "faults", "2026-11-24: 12 of 12 in 3.4 s, answered")


def test_the_line_of_versions_does_not_differ() -> None:
    page = report.written(PAGE, "faults", "Run on 2026-11-24 with Python 3.11.7.\n12 of 12")
    assert report.differences(page, "faults", "Run on 2026-11-25 with Python 3.14.1.\n12 of 12") == []


def test_a_page_without_the_markers_is_told() -> None:
    with pytest.raises(ValueError, match="begin: faults"):
        report.written("# Page\n", "faults", "new")
