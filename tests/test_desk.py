"""What keys, sliders and clicks do to the controls."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtstyle.controls import Controls
from rtstyle.desk import FADE_SECONDS, Desk

NAMES = ("a", "b", "c")


def desk(**changes: object) -> Desk:
    return Desk(Controls((("a", 1.0),), **changes), NAMES)  # type: ignore[arg-type]


def test_numbers_choose_styles_and_nothing_past_the_last() -> None:
    chosen = desk()
    for number, name in ((2, "b"), (3, "c"), (9, "c"), (1, "a")):
        chosen.choose_number(number)
        assert chosen.controls.mix == ((name, 1.0),)


def test_styles_go_round_in_both_directions() -> None:
    chosen = desk()
    seen = []
    for step in (1, 1, 1, -1, -1):
        chosen.step_style(step)
        seen.append(chosen.style)
    assert seen == ["b", "c", "a", "c", "b"]


@given(st.lists(st.sampled_from([-1, 1]), max_size=40))
def test_strength_moves_by_tenths_and_stays_within_bounds(steps: list[int]) -> None:
    chosen, expected = desk(strength=0.5), 5
    for step in steps:
        chosen.step_strength(step)
        expected = min(10, max(0, expected + step))
        assert chosen.controls.strength == pytest.approx(expected / 10)


def test_comparing_toggles_and_the_ways_replace_each_other() -> None:
    chosen = desk()
    for way, expected in (
        ("before", "before"), ("before", "off"), ("split", "split"), ("before", "before"),
    ):  # fmt: skip
        chosen.toggle_compare(way)  # type: ignore[arg-type]
        assert chosen.controls.compare == expected


@pytest.mark.parametrize("first", ["side-by-side", "split", "before"])
@pytest.mark.parametrize("way", ["split", "before"])
def test_comparing_returns_to_what_it_began_with(first: str, way: str) -> None:
    chosen = desk(compare=first)
    chosen.toggle_compare(way)  # type: ignore[arg-type]
    assert chosen.controls.compare == ("off" if way == first else way)
    chosen.toggle_compare(way)  # type: ignore[arg-type]
    assert chosen.controls.compare == first


def test_smoothing_and_regions_go_round() -> None:
    chosen = desk(smooth=0.7)
    smooth, regions = [], []
    for _ in range(4):
        chosen.step_smooth()
        chosen.step_region()
        smooth.append(chosen.controls.smooth)
        regions.append(chosen.controls.region)
    assert smooth == [1.0, 0.0, 0.5, 1.0]
    assert sorted(regions) == ["background", "face", "frame", "person"]


def share_of(chosen: Desk, name: str, now: float) -> float:
    mix = dict(chosen.at(now).mix)
    return mix.get(name, 0.0) / sum(mix.values())


def test_mixing_fades_within_a_second_to_half_and_half_and_then_on() -> None:
    chosen = desk()
    chosen.mix_on(100.0)
    shares = [share_of(chosen, "b", 100 + FADE_SECONDS * step / 20) for step in range(25)]
    assert shares[0] == 0 and shares[20:] == [0.5] * 5
    steps = [later - earlier for earlier, later in pairwise(shares)]
    assert min(steps) >= 0 and max(steps) < 0.05
    chosen.mix_on(110.0)
    assert share_of(chosen, "b", 110.0) == pytest.approx(0.5)
    assert share_of(chosen, "b", 110.0 + FADE_SECONDS) == 1
    assert chosen.style == "b"


def test_a_fade_that_is_overtaken_goes_on_from_where_it_was() -> None:
    chosen = desk()
    chosen.mix_on(0.0)
    before = share_of(chosen, "b", 0.5)
    chosen.mix_on(0.5)
    assert share_of(chosen, "b", 0.5) == pytest.approx(before)


def test_choosing_a_style_ends_a_fade_at_once() -> None:
    chosen = desk()
    chosen.mix_on(0.0)
    chosen.choose_style("c")
    assert chosen.at(0.3).mix == (("c", 1.0),)


def test_a_front_end_may_set_any_field() -> None:
    chosen = desk()
    before = chosen.controls
    chosen.set(split=0.25, keep_colors=True)
    assert (chosen.controls.split, chosen.controls.keep_colors) == (0.25, True)
    assert before.split == 0.5


def test_the_style_that_paints_nothing_has_the_last_number() -> None:
    chosen = Desk(Controls((("b", 1.0),)), ("original", "b", "a"))
    assert chosen.style_names == ("b", "a", "original")


def test_numbers_go_on_to_the_next_nine_styles_and_round_again() -> None:
    names = [f"style-{number:02}" for number in range(1, 24)]
    desk = Desk(Controls(((names[0], 1.0),)), names)
    assert desk.numbered_styles == tuple(names[:9])
    desk.turn_page()
    desk.choose_number(3)
    assert desk.style == names[11]
    desk.turn_page()
    assert desk.numbered_styles == tuple(names[18:])
    desk.choose_number(9)  # there is none
    assert desk.style == names[11]
    desk.turn_page()
    assert desk.numbered_styles == tuple(names[:9])


def test_arrows_reach_every_style_and_the_numbers_follow() -> None:
    names = [f"style-{number:02}" for number in range(1, 24)]
    desk = Desk(Controls(((names[0], 1.0),)), names)
    for name in [*names[1:], names[0]]:
        desk.step_style(1)
        assert desk.style == name and name in desk.numbered_styles


def test_numbers_of_few_styles_stay() -> None:
    desk = Desk(Controls((("a", 1.0),)), ["a", "b"])
    desk.turn_page()
    assert desk.numbered_styles == ("a", "b")
