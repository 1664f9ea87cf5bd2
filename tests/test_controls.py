from __future__ import annotations

import dataclasses

import pytest

from rtstyle.controls import Controls
from rtstyle.errors import UsageError

MIX = (("scream", 1.0),)


@pytest.mark.parametrize(
    "facts",
    [
        {"mix": ()},
        {"mix": (("scream", 0.0),)},
        {"mix": (("scream", -1.0), ("udnie", 2.0))},
        {"strength": 1.01},
        {"strength": float("nan")},
        {"smooth": -0.1},
        {"split": 2.0},
        {"size_px": 10},
        {"size_px": 100_000},
    ],
)
def test_out_of_range_is_a_usage_error(facts: dict) -> None:
    with pytest.raises(UsageError) as caught:
        Controls(**{"mix": MIX, **facts})
    assert caught.value.exit_code == 2


def test_controls_are_replaced_never_changed() -> None:
    controls = Controls(MIX)
    with pytest.raises(dataclasses.FrozenInstanceError):
        controls.strength = 0.5  # type: ignore[misc]
    assert dataclasses.replace(controls, strength=0.5).mix == MIX
