"""The graph of styles: which style is right for a picture.

The project's source documents speak of a graph whose nodes are styles or pictures and whose edges
are similarities, of a Markov random field over source pictures, target pictures and their
similarity, and of descriptors gathered into classes by hierarchical clustering, each class stood
for by its centroid. They say neither what the variables are nor how one infers. Chosen here:

- A node is a class of like pictures: crops of a painting, or photos. Its variable is a style.
- **The right style for a picture is the one of whose painting a part is most like it** (in a metric
  in which what varies within a painting, or with a photo's framing and exposure, counts little),
  **and that pictures like it get too**: p(x) ~ exp(sum_i a_i(x_i) + c sum_ij w_ij [x_i = x_j]), a
  Potts model with a_i(s) = -|node i - nearest part of s|^2 / (2 T), w_ij in [0, 1] the similarity
  of neighbours. Parts of a painting are known to have its style.
- Beliefs are those of mean field, q_i(s) ~ exp(a_i(s) + c sum_j w_ij q_j(s)). A new picture is one
  more node, whose belief is one such step from its neighbours'; theirs stay as they were, so that
  the answer depends on nothing but the picture.

`python -m train graph` computes the file; here it is read and asked. As descriptors are of pictures
alone, nothing in it depends on a generator's weights: it belongs to a bank by the names of styles,
and stays right when the bank is trained further.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .descriptor import Descriptor
from .errors import StyleError
from .style import StyleBank

SCHEMA = 1

LARGEST_DEVIATION = 4.0
"""Descriptors' values are cut off at so many deviations: a strange picture is only strange."""

Floats = NDArray[np.floating]
Owners = NDArray[np.integer]


@dataclass(frozen=True)
class FieldOptions:
    """`temperature` T and `coupling` c of the field; every node has `num_neighbours`.

    Chosen on one half of the questions of `benchmarks.style_choice`; on the other they do as well.
    """

    temperature: float = 30.0
    coupling: float = 2.0
    num_neighbours: int = 8


@dataclass(frozen=True, eq=False)
class Metric:
    """Turns descriptors (..., d) into points (..., k) whose distance is dissimilarity.

    (descriptor - `mean`) / `deviation`, cut off, times `turn` (d, k).
    """

    mean: Floats
    deviation: Floats
    turn: Floats

    def points(self, descriptors: Floats) -> Floats:
        relative = (descriptors - self.mean) / self.deviation
        return np.clip(relative, -LARGEST_DEVIATION, LARGEST_DEVIATION) @ self.turn


@dataclass(frozen=True, eq=False)
class StyleGraph:
    """S styles and n nodes.

    `nodes` (n, k) are points, first m parts of paintings, whose styles are `owners` (m,); `reach`
    (n,) their distances to the farthest neighbour, `beliefs` (n, S) the shares of the styles.
    """

    names: tuple[str, ...]
    metric: Metric
    owners: Owners
    nodes: Floats
    reach: Floats
    beliefs: Floats
    options: FieldOptions = FieldOptions()

    @property
    def parts(self) -> Floats:
        """The nodes (m, k) that are of paintings."""
        return self.nodes[: len(self.owners)]

    @property
    def is_consistent(self) -> bool:
        """Whether the arrays fit each other and hold numbers only."""
        arrays = [getattr(self.metric, name) for name in METRIC]
        arrays += [getattr(self, name) for name in ARRAYS]
        (num_values, num_axes), num_styles = self.metric.turn.shape, len(self.names)
        num_nodes, num_parts = len(self.reach), len(self.owners)
        shapes = [
            *((num_values,), (num_values,), (num_values, num_axes), (num_parts,)),
            *((num_nodes, num_axes), (num_nodes,), (num_nodes, num_styles)),
        ]
        fits = [array.shape for array in arrays] == shapes
        owned = num_parts <= num_nodes and set(self.owners.tolist()) == set(range(num_styles))
        enough = num_styles > 0 and 0 < self.options.num_neighbours <= num_nodes
        return fits and owned and enough and all(np.isfinite(array).all() for array in arrays)

    def ranked(self, descriptors: Sequence[Descriptor]) -> list[tuple[str, float]]:
        """Styles with scores that sum to 1, the best first, for pictures of one scene.

        The score is the mean belief over the pictures (`rtstyle.descriptor.describe`).
        """
        scores = self.beliefs_of(np.stack(descriptors)).mean(axis=0)
        order = np.argsort(-scores, kind="stable")
        return [(self.names[index], float(scores[index])) for index in order]

    def beliefs_of(self, descriptors: Floats) -> Floats:
        """Beliefs (m, S) of new pictures with descriptors (m, d)."""
        points = self.metric.points(descriptors)
        distances = squared_distances(points, self.nodes)
        nearest = np.partition(distances, self.options.num_neighbours - 1, axis=1)
        reach = np.sqrt(nearest[:, self.options.num_neighbours - 1])
        edges = similarities(distances, reach, self.reach, self.options.num_neighbours)
        preferences = own_preferences(points, self.parts, self.owners, self.options)
        return mean_field_step(preferences, edges, self.beliefs, self.options)


def squared_distances(a: Floats, b: Floats) -> Floats:
    """Between points (m, k) and (n, k): (m, n)."""
    return np.square(a[:, None] - b[None]).sum(axis=-1)


def similarities(
    distances: Floats, reach: Floats, others_reach: Floats, num_neighbours: int
) -> Floats:
    """Weights (m, n) in [0, 1] of the edges to each one's nearest nodes, 0 to all others.

    exp(-d^2 / (reach_i reach_j)): what is near is measured by how far neighbours are there
    (self-tuning affinities, Zelnik-Manor & Perona 2004).
    """
    weights = np.exp(-distances / (reach[:, None] * others_reach + 1e-12))
    last = -np.partition(-weights, num_neighbours - 1, axis=1)[:, num_neighbours - 1]
    return np.where(weights >= last[:, None], weights, 0).astype(np.float32)


def own_preferences(points: Floats, parts: Floats, owners: Owners, options: FieldOptions) -> Floats:
    """a_i(s) (n, S) of points (n, k): what speaks for a style without regard to neighbours."""
    distances = squared_distances(points, parts)
    nearest = [distances[:, owners == style].min(axis=1) for style in range(int(owners.max()) + 1)]
    return -np.stack(nearest, axis=1) / (2 * options.temperature)


def mean_field_step(
    preferences: Floats, edges: Floats, beliefs: Floats, options: FieldOptions
) -> Floats:
    """Beliefs (m, S) of nodes with edges (m, n) to others, whose beliefs are (n, S)."""
    energies = preferences + options.coupling * edges @ beliefs
    shares = np.exp(energies - energies.max(axis=1, keepdims=True))
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)


METRIC = ("mean", "deviation", "turn")
ARRAYS = ("owners", "nodes", "reach", "beliefs")


def save_graph(path: Path, graph: StyleGraph) -> None:
    """Write a file that `load_graph` reads (safetensors)."""
    from safetensors.numpy import save_file

    header = {
        "schema": SCHEMA,
        "styles": graph.names,
        "options": asdict(graph.options),
    }
    arrays = {name: getattr(graph.metric, name) for name in METRIC}
    arrays |= {name: getattr(graph, name) for name in ARRAYS}
    arrays = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
    save_file(arrays, path, metadata={"rtstyle": json.dumps(header)})


def load_graph(path: Path, bank: StyleBank) -> StyleGraph:
    """Read the graph of a bank's styles; the bank may have more.

    Raises:
        StyleError: there is none, it is damaged, or belongs to another bank.
    """
    from safetensors import SafetensorError, safe_open

    fix = "name a style with --style (see: rtstyle styles); python -m train graph makes the graph"
    try:
        with safe_open(path, "numpy") as file:
            header = json.loads((file.metadata() or {})["rtstyle"])
            arrays = {name: file.get_tensor(name) for name in (*METRIC, *ARRAYS)}
        options = FieldOptions(**header["options"])
        schema, names = header["schema"], tuple(header["styles"])
    except FileNotFoundError:
        what = "no style can be chosen by content: the bank has no graph of styles"
        raise StyleError(what, f"no such file: {path}", fix) from None
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise StyleError(f"{path} is damaged or no graph of styles", str(error)) from error
    missing = [name for name in names if name not in bank.styles]
    if schema != SCHEMA or missing:
        why = f"the bank lacks: {', '.join(missing)}" if missing else f"its schema is {schema}"
        raise StyleError(f"the graph of styles {path.name} does not fit the bank", why, fix)
    metric = Metric(*(arrays[name] for name in METRIC))
    graph = StyleGraph(names, metric, *(arrays[name] for name in ARRAYS), options=options)
    if not graph.is_consistent:
        raise StyleError(f"{path} is damaged", "its arrays do not fit each other")
    return graph
