"""Whether the figures of `flicker.py` reach what we promise; without torch or models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EXCESS_SHARE, EXCESS_SLACK = 0.5, 1e-4
"""Our excess E_warp is to be at most this share of the best rival's, plus the slack."""

LIMITS = {"noise_gain": 0.5, "tint_drift": 1.0, "lag_px": 1.0, "cut_error": 0}
"""What each figure may be at most."""


def verdict(
    clips: Mapping[str, Mapping[str, Mapping[str, Any]]], is_ours: Mapping[str, bool], ending: str
) -> list[dict[str, Any]]:
    """Each promise on each clip: what it asks, the worst of ours, and whether it is kept.

    Args:
        clips: clip -> contender -> figure -> value.
        is_ours: contender -> whether it is one of ours.
        ending: how the names of those of ours end that are judged.
    """
    rows = []
    for clip, results in clips.items():
        judged = {n: r for n, r in results.items() if is_ours[n] and n.endswith(ending)}
        rivals = {n: r for n, r in results.items() if not is_ours[n]}
        rows += [_within(clip, figure, limit, judged) for figure, limit in LIMITS.items()]
        rows.append(_excess(clip, judged, rivals))
        rows.append(_held(clip, judged))
    return [row for row in rows if row]


def _within(clip: str, figure: str, limit: float, judged: Mapping) -> dict[str, Any]:
    values = {name: abs(found[figure]) for name, found in judged.items() if figure in found}
    return _row(clip, figure, limit, max(values.values())) if values else {}


def _held(clip: str, judged: Mapping) -> dict[str, Any]:
    values = [found["held_exactly"] for found in judged.values() if "held_exactly" in found]
    if not values:
        return {}
    return {**_row(clip, "held_exactly", 1.0, min(values)), "kept": min(values) == 1.0}


def _excess(clip: str, judged: Mapping, rivals: Mapping) -> dict[str, Any]:
    """Against the steadiest rival that paints at most as strongly as the weakest of ours."""
    ours = {name: found for name, found in judged.items() if "excess" in found}
    if not ours or not rivals:
        return {}
    worst = max(ours, key=lambda name: ours[name]["excess"])
    best = min(rivals, key=lambda name: rivals[name]["excess"])
    limit = EXCESS_SHARE * rivals[best]["excess"] + EXCESS_SLACK
    return {
        **_row(clip, "excess", limit, ours[worst]["excess"]),
        "ours": worst,
        "style_left": ours[worst]["style_left"],
        "rival": best,
        "rival_excess": rivals[best]["excess"],
        "rival_style_left": rivals[best]["style_left"],
    }


def _row(clip: str, figure: str, limit: float, value: float) -> dict[str, Any]:
    return {
        "clip": clip,
        "figure": figure,
        "at_most": limit,
        "worst": value,
        "kept": value <= limit,
    }
