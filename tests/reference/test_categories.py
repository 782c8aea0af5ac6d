"""Categories: names to ids at the right level, and suggestions that a person would make."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.reference import categories
from keyapi_mcp.reference.categories import Category, by_id, children, find, path, resolve, suggest, top_level

ALL: list[Category] = categories._table().rows


def test_the_tree_has_the_known_numbers_of_categories_and_no_loose_ends() -> None:
    assert [sum(one.level == level for one in ALL) for level in (1, 2, 3)] == [30, 217, 1964]
    assert [one.id for one in top_level()] == [one.id for one in ALL if one.level == 1]
    for one in ALL:
        parent = by_id(one.parent_id)
        assert (parent is None) is (one.level == 1)
        assert parent is None or parent.level == one.level - 1


def test_names_have_nothing_left_over_from_the_source() -> None:
    for one in ALL:
        assert one.name.isprintable()
        assert one.name == one.name.strip()
        assert "\\" not in one.name


def test_a_path_names_the_parents_from_the_top() -> None:
    lip = by_id("601595")
    assert lip is not None
    assert path(lip) == "Beauty & Personal Care > Skincare > Lip Treatments"
    assert by_id("1") is None


def test_every_id_is_known_at_its_level_and_every_path_leads_to_it() -> None:
    for one in ALL:
        assert (resolve(one.id, one.level).id, resolve(one.id, one.level).moved) == (one.id, False)
        by_path = resolve(path(one), one.level)
        assert (by_path.id, by_path.level) == (one.id, one.level), path(one)


def test_a_name_leads_to_its_category_or_to_all_of_that_name_at_its_level() -> None:
    for one in ALL:
        found = resolve(one.name, one.level)
        if found.id is None:
            assert one in found.candidates or len(found.candidates) == 8
            assert {candidate.name.casefold() for candidate in found.candidates} == {one.name.casefold()}
        else:
            assert (found.id, found.moved) == (one.id, False)


@pytest.mark.parametrize(
    "spelling",
    [
        "Beauty & Personal Care",
        "beauty & personal care",
        "BEAUTY AND PERSONAL CARE",
        " Beauty  &  Personal Care ",
        "Beauty, Personal Care",
        "beauty&personal-care",
    ],
)
def test_case_punctuation_and_the_word_and_make_little_difference(spelling: str) -> None:
    found = resolve(spelling, 1)
    assert found.id == "601450" or found.candidates[0].id == "601450"


def test_a_name_at_its_own_level_wins_over_the_same_name_elsewhere() -> None:
    assert [one.level for one in ALL if one.name == "Shoes"].count(1) == 1
    found = resolve("Shoes", 1)
    assert (found.id, found.moved) == ("601352", False)


@pytest.mark.parametrize("level", [2, 3])
def test_a_name_found_only_at_another_level_moves_there(level: int) -> None:
    found = resolve("Pet Supplies", level)
    assert (found.id, found.level, found.moved) == ("602118", 1, True)


@pytest.mark.parametrize("level", [1, 2])
def test_a_known_id_given_at_another_level_moves_to_its_own(level: int) -> None:
    found = resolve("601595", level)
    assert (found.id, found.level, found.moved) == ("601595", 3, True)


def test_several_of_one_name_give_candidates_and_no_choice() -> None:
    found = resolve("Shoes", 2)
    assert found.id is None
    assert {one.id for one in found.candidates} >= {"601352", "602787", "938888"}


def test_a_path_chooses_among_several_of_one_name() -> None:
    for spelling in ("Baby & Maternity > Baby Clothing & Shoes > Shoes", "Baby Clothing & Shoes/Shoes"):
        assert resolve(spelling, 3).id == "602787"


@pytest.mark.parametrize("identifier", ["99999999", "0", "007"])
@pytest.mark.parametrize("level", [1, 2, 3])
def test_an_id_that_is_in_no_table_passes_through(identifier: str, level: int) -> None:
    found = resolve(identifier, level)
    assert (found.id, found.level, found.moved) == (identifier, level, False)


def test_what_is_far_too_long_for_an_id_is_none() -> None:
    assert resolve("9" * 21, 1).id is None
    assert resolve("9" * 100_000, 1).id is None


# --- suggestions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keyword", "first"),
    [
        ("lip oil", "Beauty & Personal Care > Skincare > Lip Treatments"),
        ("lipstik", "Beauty & Personal Care > Makeup & Perfume > Lipstick & Lip Gloss"),
        ("phone case", "Phones & Electronics > Phone Accessories > Cases, Screen Protectors & Stickers"),
        ("tablet case", "Phones & Electronics > Tablet & Computer Accessories > Tablet Covers & Cases"),
        ("running shoes", "Sports & Outdoor > Sports Footwear > Running Shoes"),
        ("shoes for running", "Sports & Outdoor > Sports Footwear > Running Shoes"),
        ("dog toys", "Pet Supplies > Dog & Cat Accessories > Dog Toys"),
        ("toy for dogs", "Pet Supplies > Dog & Cat Accessories > Dog Toys"),
        ("air fryer", "Household Appliances > Kitchen Appliances > Fryers"),
        ("vitamin c serum", "Beauty & Personal Care > Skincare > Serums & Essences"),
        ("water bottle", "Kitchenware > Drinkware > Water Bottles"),
        ("women's dress", "Womenswear & Underwear > Women's Dresses"),
        ("cat litter box", "Pet Supplies > Dog & Cat Litter > Litter Trays & Boxes"),
        ("makeup brush", "Beauty & Personal Care > Makeup & Perfume > Makeup Brushes"),
        ("mens watches", "Fashion Accessories > Watches & Accessories > Men's Watches"),
        ("beauty", "Beauty & Personal Care"),
    ],
)
def test_the_first_suggestion_is_the_one_that_a_person_would_make(keyword: str, first: str) -> None:
    assert path(suggest(keyword)[0]) == first


@pytest.mark.parametrize(
    ("keyword", "among"),
    [
        ("lip oil", "Lipstick & Lip Gloss"),
        ("yoga mat", "Yoga & Pilates"),
        ("yoga mat", "Sports Mats"),
        ("hair dryer", "Hair Dryers"),
        ("baby bottle", "Baby Bottles & Accessories"),
        ("led strip lights", "Bulbs, Tubes & Strips"),
        ("collagen supplement", "Beauty Supplements"),
    ],
)
def test_a_fitting_category_is_among_the_first_three(keyword: str, among: str) -> None:
    assert among in [one.name for one in suggest(keyword)[:3]]


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    # "Oil" is a name of its own, but the word is in more names than "lip".
    names = [one.name for one in suggest("lip oil")]
    assert names.index("Lip Treatments") < names.index("Oil")


def test_of_names_with_the_same_words_the_one_of_the_fitting_department_is_first() -> None:
    departments = [path(one).partition(" > ")[0] for one in suggest("yoga mat")]
    assert departments[0] == departments[1] == "Sports & Outdoor"


@pytest.mark.parametrize("text", ["", "and the of", "zzqqxxyy", "&", "c", "ลิปออยล์", "口红"])
def test_a_text_like_nothing_has_no_suggestions(text: str) -> None:
    assert suggest(text) == ()


def test_no_more_than_the_limit_are_suggested() -> None:
    assert len(suggest("accessories", 3)) == 3
    assert len(suggest("accessories")) == 6


def test_only_the_first_words_of_a_long_text_are_looked_at() -> None:
    assert suggest("qqa qqb qqc qqd qqe qqf qqg shoes")[0].name == "Shoes"
    assert suggest("qqa qqb qqc qqd qqe qqf qqg qqh shoes") == ()
    assert suggest(" " * 200 + "shoes") == ()


def test_every_category_but_the_first_level_is_a_child_of_its_parent_once() -> None:
    below = [child for one in ALL for child in children(one.id)]
    assert sorted(below, key=lambda one: one.id) == sorted(
        (one for one in ALL if one.level > 1), key=lambda one: one.id
    )
    assert children("no id") == ()


@pytest.mark.parametrize("level", [1, 2])
def test_one_category_by_id_name_or_path_is_found_with_all_directly_below_it(level: int) -> None:
    for one in ALL:
        if one.level != level or not (below := children(one.id)):
            continue
        alone = len(categories._named(path(one))) == 1
        for text in (one.id, path(one)) if alone else (one.id,):
            found = find(text, 3)
            assert found.rows == (one, *below)
            assert found.below
            assert found.of == 1 + len(below)


def test_a_name_of_several_or_of_nothing_below_is_found_with_what_comes_near() -> None:
    for text in ("Makeup", "Lip Treatments", "Dresses", "beauty"):
        found = find(text, 100)
        assert not found.below
        assert len(found.rows) == found.of > 1
        assert find(text, 2).rows == found.rows[:2]
        assert find(text, 2).of == found.of


@pytest.mark.parametrize("text", ["word " * 20_000, "w" * 100_000, "abcdefgh " * 20_000, "\ufdfa" * 50_000])
def test_a_text_of_any_length_is_answered_within_bounds(text: str) -> None:
    # Comparing every one of so many words with the table would take minutes: the test's time-out would end it.
    assert len(suggest(text)) <= 6
    assert resolve(text, 1).id is None


@given(st.text(max_size=60), st.integers(1, 3))
def test_any_text_whatever_is_an_id_or_gives_candidates(text: str, level: int) -> None:
    found = resolve(text, level)
    if found.id is None:
        assert len(found.candidates) <= 8
    else:
        assert found.candidates == ()


@given(st.sampled_from(ALL), st.integers(1, 3))
def test_a_real_name_at_any_level_is_found_or_is_among_the_candidates(one: Category, level: int) -> None:
    found = resolve(one.name, level)
    known = by_id(found.id or "")
    names = [known.name] if known else [candidate.name for candidate in found.candidates]
    assert one.name.casefold() in [name.casefold() for name in names]


@given(st.sampled_from([one for one in ALL if one.name != "Other"]))
def test_the_first_suggestion_for_a_real_name_has_all_its_words(one: Category) -> None:
    assert set(categories._words(suggest(one.name)[0].name)) >= set(categories._words(one.name))
