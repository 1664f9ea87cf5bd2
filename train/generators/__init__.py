"""Feed-forward generators: image and style vector in, stylized image out."""

from .unshuffle import UnshuffleConfig, UnshuffleNet

__all__ = ["UnshuffleConfig", "UnshuffleNet"]
