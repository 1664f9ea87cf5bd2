"""The graph of styles: beliefs are shares, neighbours count, files are checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike

from rtstyle.errors import StyleError
from rtstyle.shelf import find_generator
from rtstyle.style import ORIGINAL, Style, StyleBank, load_styles
from rtstyle.style_graph import (
    FieldOptions,
    Floats,
    Metric,
    StyleGraph,
    load_graph,
    mean_field_step,
    own_preferences,
    save_graph,
    similarities,
    squared_distances,
)

OPTIONS = FieldOptions(temperature=1.0, coupling=2.0, num_neighbours=2)


def floats(values: ArrayLike) -> Floats:
    return np.asarray(values, np.float32)


def plane() -> StyleGraph:
    """Two styles on a plane, at (-1, 0) and (1, 0); photos around (0.2, 3) that like the left."""
    nodes = np.array([[-1, 0], [-1.2, 0], [1, 0], [1.2, 0], [0.2, 3], [0.3, 3], [0.2, 3.1]])
    left = np.array([1, 1, 0, 0, 0.9, 0.9, 0.9])
    reach = np.array([2.0, 2.2, 2.0, 2.2, 0.1, 0.14, 0.14])
    metric = Metric(*(floats(values) for values in ([0, 0], [1, 1], np.eye(2))))
    return StyleGraph(
        ("left", "right"),
        metric,
        owners=np.array([0, 0, 1, 1], np.int32),
        nodes=nodes.astype(np.float32),
        reach=reach.astype(np.float32),
        beliefs=np.stack([left, 1 - left], axis=1).astype(np.float32),
        options=OPTIONS,
    )


def bank(*names: str) -> StyleBank:
    return StyleBank("abc", {name: Style(name, np.zeros(2, np.float32), "abc") for name in names})


def test_the_graph_on_the_shelf_knows_every_style_of_its_bank() -> None:
    """If not: python -m train graph RECIPE."""
    shelved = find_generator()
    styles = load_styles(shelved.styles)
    names = load_graph(shelved.graph, styles).names
    assert set(names) == set(styles.names) - {ORIGINAL}


def test_scores_are_shares_and_the_nearest_style_comes_first() -> None:
    ranked = plane().ranked([floats([-0.8, 0.1])])
    assert [name for name, _ in ranked] == ["left", "right"]
    assert sum(score for _, score in ranked) == pytest.approx(1)
    assert plane().ranked([floats([0.9, -0.2])])[0][0] == "right"


def test_pictures_like_it_decide_where_styles_are_about_as_near() -> None:
    point, graph = floats([[0.25, 3.0]]), plane()
    alone = own_preferences(point, graph.parts, graph.owners, OPTIONS).argmax()
    assert graph.names[alone] == "right"
    assert graph.ranked([point[0]])[0][0] == "left"


def test_several_pictures_of_a_scene_are_heard_together() -> None:
    at_left, at_right = floats([-1, 0]), floats([1, 0])
    assert plane().ranked([at_left, at_right, at_right])[0][0] == "right"


def test_edges_go_to_the_nearest_only_and_fall_with_distance() -> None:
    points = floats([[0.0], [1.0], [2.0], [5.0]])
    distances = squared_distances(points[:1], points[1:])
    edges = similarities(distances, floats([1]), np.ones(3, np.float32), 2)[0]
    assert edges[0] > edges[1] > 0 and edges[2] == 0
    assert edges.max() <= 1


def test_without_edges_a_step_is_a_softmax_of_what_each_node_prefers() -> None:
    preferences = floats([[0, np.log(3)]])
    step = mean_field_step(preferences, np.zeros((1, 4), np.float32), np.eye(4, 2), OPTIONS)
    np.testing.assert_allclose(step, [[0.25, 0.75]], rtol=1e-6)


def test_a_file_gives_the_same_answers(tmp_path: Path) -> None:
    save_graph(tmp_path / "a.graph", plane())
    loaded = load_graph(tmp_path / "a.graph", bank("left", "right", "more"))
    point = [floats([0.1, 1.0])]
    assert loaded.ranked(point) == plane().ranked(point)
    assert loaded.options == OPTIONS and loaded.names == ("left", "right")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.graph", "has no graph"),
        ("other.graph", "does not fit the bank"),
        ("text.graph", "damaged"),
        ("short.graph", "damaged"),
        ("owner.graph", "damaged"),
        ("nan.graph", "damaged"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, name: str, message: str) -> None:
    save_graph(tmp_path / "other.graph", replace(plane(), names=("left", "udnie")))
    save_graph(tmp_path / "short.graph", replace(plane(), reach=plane().reach[:3]))
    save_graph(tmp_path / "owner.graph", replace(plane(), owners=plane().owners * 2))
    save_graph(tmp_path / "nan.graph", replace(plane(), reach=plane().reach * np.nan))
    (tmp_path / "text.graph").write_text("no graph")
    with pytest.raises(StyleError, match=message) as caught:
        load_graph(tmp_path / name, bank("left", "right"))
    assert len(str(caught.value).splitlines()) <= 3
