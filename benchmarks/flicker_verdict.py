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
    """A contender by name, and the picture that it learned its style from.

    `is_default`: with the settings that a user gets who gives none; else only its excess counts.
    """

    name: str
    is_ours: bool
    picture: Path
    is_default: bool = True


def verdict(
    clips: Mapping[str, Mapping[str, Mapping[str, Any]]], everyone: Sequence[Judged]
) -> list[dict[str, Any]]:
    """Each promise on each clip: what it asks, the worst of ours, and whether it is kept.

    Args:
        clips: clip -> contender -> figure -> value.
        everyone: who is compared; ours with the default `--smooth`.
    """
    rows = []
    ours = [judged for judged in everyone if judged.is_ours]
    by_default = [judged for judged in ours if judged.is_default]
    for clip, results in clips.items():
        found = {judged.name: results[judged.name] for judged in by_default}
        rows += [_within(clip, figure, limit, found) for figure, limit in LIMITS.items()]
        rows.append(_held(clip, found))
        for judged in by_default:
            same = [other for other in everyone if other.picture == judged.picture]
            rivals = {other.name: results[other.name] for other in same if not other.is_ours}
            if rivals and "excess" in results[judged.name]:
                settings = {other.name: results[other.name] for other in same if other.is_ours}
                rows += _excess(clip, judged.name, settings, rivals)
    return [row for row in rows if row]


def _within(clip: str, figure: str, limit: float, judged: Mapping) -> dict[str, Any]:
    values = {name: abs(found[figure]) for name, found in judged.items() if figure in found}
    return _row(clip, figure, limit, max(values.values())) if values else {}


def _held(clip: str, judged: Mapping) -> dict[str, Any]:
    values = [found["held_exactly"] for found in judged.values() if "held_exactly" in found]
    if not values:
        return {}
    return {**_row(clip, "held_exactly", 1.0, min(values)), "kept": min(values) == 1.0}


def _excess(clip: str, ours: str, settings: Mapping, rivals: Mapping) -> list[dict[str, Any]]:
    """Against the steadiest of the rivals that learned from the same picture.

    Once with our default settings, whatever their style is worth, and once with those of ours that
    are steadiest among the ones as strong as the rival: that is not kept if none is.
    """
    best = min(rivals, key=lambda name: rivals[name]["excess"])
    limit = EXCESS_SHARE * rivals[best]["excess"] + EXCESS_SLACK
    left = rivals[best]["style_left"]
    strong = [name for name, found in settings.items() if found["style_left"] <= left]
    fair = min(strong, key=lambda name: settings[name]["excess"], default=None)
    rows = []
    for figure, name in (("excess", ours), ("excess as strong", fair)):
        found = settings[name or ours]
        row = _row(clip, figure, limit, found["excess"])
        row |= {"ours": name, "rival": best, "rival_excess": rivals[best]["excess"]}
        row |= {"style_left": found["style_left"], "rival_style_left": left}
        rows.append(row | {"kept": row["kept"] and name is not None})
    return rows


def _row(clip: str, figure: str, limit: float, value: float) -> dict[str, Any]:
    return {
        "clip": clip,
        "figure": figure,
        "at_most": limit,
        "worst": value,
        "kept": value <= limit,
    }
