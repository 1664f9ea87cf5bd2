"""Whether the figures of `flicker.py` reach what we promise; without torch or models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXCESS_SHARE, EXCESS_SLACK = 0.5, 1e-4
"""Our excess E_warp is to be at most this share of the best rival's, plus the slack."""

LIMITS = {"noise_gain": 0.5, "tint_drift": 1.0, "lag_px": 1.0, "cut_error": 0}
"""What each figure may be at most."""


@dataclass(frozen=True)
class Judged:
    """A contender by name, and the picture that it learned its style from."""

    name: str
    is_ours: bool
    picture: Path


def verdict(
    clips: Mapping[str, Mapping[str, Mapping[str, Any]]], everyone: Sequence[Judged]
) -> list[dict[str, Any]]:
    """Each promise on each clip: what it asks, the worst of ours, and whether it is kept.

    Args:
        clips: clip -> contender -> figure -> value.
        everyone: who is compared; those of ours with other settings are left out.
    """
    rows = []
    for clip, results in clips.items():
        ours = {judged.name: results[judged.name] for judged in everyone if judged.is_ours}
        rows += [_within(clip, figure, limit, ours) for figure, limit in LIMITS.items()]
        rows.append(_held(clip, ours))
        for judged in everyone:
            if judged.is_ours and "excess" in results[judged.name]:
                rivals = [
                    rival.name
                    for rival in everyone
                    if not rival.is_ours and rival.picture == judged.picture
                ]
                rows.append(_excess(clip, judged.name, rivals, results))
    return [row for row in rows if row]


def _within(clip: str, figure: str, limit: float, judged: Mapping) -> dict[str, Any]:
    values = {name: abs(found[figure]) for name, found in judged.items() if figure in found}
    return _row(clip, figure, limit, max(values.values())) if values else {}


def _held(clip: str, judged: Mapping) -> dict[str, Any]:
    values = [found["held_exactly"] for found in judged.values() if "held_exactly" in found]
    if not values:
        return {}
    return {**_row(clip, "held_exactly", 1.0, min(values)), "kept": min(values) == 1.0}


def _excess(clip: str, ours: str, rivals: Sequence[str], results: Mapping) -> dict[str, Any]:
    """Against the steadiest of the rivals that learned from the same picture."""
    if not rivals:
        return {}
    best = min(rivals, key=lambda name: results[name]["excess"])
    limit = EXCESS_SHARE * results[best]["excess"] + EXCESS_SLACK
    return {
        **_row(clip, "excess", limit, results[ours]["excess"]),
        "ours": ours,
        "rival": best,
        "rival_excess": results[best]["excess"],
        "style_left": results[ours]["style_left"],
        "rival_style_left": results[best]["style_left"],
    }


def _row(clip: str, figure: str, limit: float, value: float) -> dict[str, Any]:
    return {
        "clip": clip,
        "figure": figure,
        "at_most": limit,
        "worst": value,
        "kept": value <= limit,
    }
