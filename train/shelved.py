"""A generator of the shelf as a torch module, read back from the ONNX file that users run.

The graph keeps the weights under their names, so no second copy of them has to lie on the shelf;
their hash shows that they are those that its styles belong to.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from rtstyle.errors import EngineError
from rtstyle.inference import METADATA_PREFIX, GeneratorInfo

from .export import weights_hash
from .generators import UnshuffleConfig, UnshuffleNet

WEIGHTS_PREFIX = "net."
"""`export.GraphContract` holds the generator under this name."""

DEFAULT_SHORT_SIDE_PX = 512


@dataclass(frozen=True, eq=False)
class Shelved:
    """A generator with what its file says; `style_short_side_px` is the size of style pictures."""

    net: UnshuffleNet
    info: GeneratorInfo
    style_short_side_px: int


def load_shelved(path: Path) -> Shelved:
    """Read a float32 graph that `python -m train export` wrote.

    Raises:
        EngineError: missing, damaged, or its weights cannot be trained with.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path))
    except FileNotFoundError:
        raise EngineError(f"no such generator: {path}") from None
    except (DecodeError, OSError) as error:
        raise EngineError(f"{path} is damaged or no generator", str(error)) from error
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    info = GeneratorInfo.from_metadata(metadata, path)
    weights = {
        tensor.name.removeprefix(WEIGHTS_PREFIX): torch.from_numpy(
            onnx.numpy_helper.to_array(tensor).copy()
        )
        for tensor in model.graph.initializer
        if tensor.name.startswith(WEIGHTS_PREFIX)
    }
    try:
        shape = json.loads(metadata.get(METADATA_PREFIX + "architecture", "{}"))
        net = UnshuffleNet(UnshuffleConfig(**shape))
        net.load_state_dict(weights)
    except (RuntimeError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise EngineError(f"cannot train with the generator {path}", reason) from error
    if weights_hash(net) != info.weights_sha256:
        raise EngineError(
            f"the weights in {path} are not those that its styles belong to",
            "their hash differs from the one in its metadata",
            "export it again: python -m train export",
        )
    short_side = metadata.get(METADATA_PREFIX + "style_short_side_px")
    return Shelved(net, info, int(short_side or DEFAULT_SHORT_SIDE_PX))
