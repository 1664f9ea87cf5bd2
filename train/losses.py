"""Losses of perceptual training.

Content and style: Gatys et al. 2016, Johnson et al. 2016. Stability without video: compound
regularisation, Wang et al. 2020, "Consistent Video Style Transfer via Relaxation and
Regularization" (ReReVST), and equivariance to crops, Yang et al. 2022, "VToonify". With video but
without flow: frame differences, Xu, Xiong and Hu 2021, arXiv 2102.05822.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

STROKES_FACTOR = 1.2
"""Strokes that know nothing of the cells have equal shares of all patterns, up to this factor."""

LAGS_PX = 2
"""Detail is compared with that beside it, up to so far away."""

LATTICE_CELLS = 4
"""What repeats is looked for in so many cells each way, or as many as there are."""

REGULAR_PERIODS_PX = range(6, 41)
"""Of the dots and tiles of a picture of some 512 px."""


def gram_matrix(features: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, C) in float32: mean over pixels of the outer product, divided by C.

    Made for channels-last features, of which the (H * W, C) matrix is a view.
    """
    b, c, h, w = features.shape
    flat = features.permute(0, 2, 3, 1).reshape(b, h * w, c)
    return (flat.transpose(1, 2) @ flat).float() / (c * h * w)


def parts(features: Tensor, rows: int, columns: int) -> Tensor:
    """(B, C, H, W) -> (B * rows * columns, C, H // rows, W // columns): parts in reading order.

    Of channels-last features this is one copy, and channels-last again.
    """
    b, c, height, width = features.shape
    h, w = height // rows, width // columns
    whole = features[..., : rows * h, : columns * w].permute(0, 2, 3, 1)
    split = whole.reshape(b, rows, h, columns, w, c).transpose(2, 3)
    return split.reshape(b * rows * columns, h, w, c).permute(0, 3, 1, 2)


def style_distance(gram: Tensor, target: Tensor) -> Tensor:
    """Squared Frobenius distance of Gram matrices (B, C, C), relative to the target's norm -> (B,).

    Relative, so that a pale drawing and a loud oil painting weigh the same in one bank.
    """
    return (gram - target).square().sum(dim=(1, 2)) / target.square().sum(dim=(1, 2))


def content_distance(features: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean squared difference of unit-rms features (B, C, H, W) -> (B,).

    `weights` (B, 1, H, W), with a mean of 1, says how much each place counts.
    """
    squares = (features.float() - target.float()).square()
    return (squares if weights is None else squares * weights).mean(dim=(1, 2, 3))


def total_variation(image: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring pixels (B, 3, H, W) -> scalar."""
    dx = (image[..., :, 1:] - image[..., :, :-1]).abs().mean()
    dy = (image[..., 1:, :] - image[..., :-1, :]).abs().mean()
    return dx + dy


def random_flow(
    batch: int,
    height: int,
    width: int,
    *,
    max_shift_px: float = 10.0,
    bend_px: float = 8.0,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Smooth random motion (B, H, W, 2) in pixels: a shift per picture and a gentle bending."""
    shift = (torch.rand(batch, 1, 1, 2) * 2 - 1) * max_shift_px
    coarse = torch.randn(batch, 2, max(2, height // 100 + 1), max(2, width // 100 + 1)) * bend_px
    size = (height, width)
    bend = F.interpolate(coarse.to(device), size, mode="bicubic", align_corners=True)
    return bend.permute(0, 2, 3, 1) + shift.to(device)


def warp(image: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """Sample `image` (B, C, H, W) at x + flow(x); also the mask (B, 1, H, W) of what lay inside."""
    _, _, h, w = image.shape
    x = (torch.arange(w, device=image.device) + flow[..., 0]) * 2 / (w - 1) - 1
    y = (torch.arange(h, device=image.device)[:, None] + flow[..., 1]) * 2 / (h - 1) - 1
    grid = torch.stack([x, y], dim=-1)
    warped = F.grid_sample(image, grid, align_corners=True, padding_mode="border")
    inside = (grid.abs() <= 1).all(dim=-1)[:, None]
    return warped, inside.to(image.dtype)


def disturb(image: Tensor, flow: Tensor, noise_std: float = 0.0078) -> Tensor:
    """The picture moved along `flow`, with sensor noise: what the next frame might look like."""
    moved, _ = warp(image, flow)
    return (moved + torch.randn_like(moved) * noise_std).clamp(0, 1)


def compound_regularisation(
    output: Tensor, disturbed_output: Tensor, flow: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Mean |warp(output) - output of the disturbed input|, where the warp is defined -> scalar.

    `weights` (B,) says how much each picture counts.
    """
    moved, inside = warp(output, flow)
    difference = (moved - disturbed_output).abs() * inside
    if weights is not None:
        difference = difference * weights[:, None, None, None]
    return difference.sum() / (inside.sum() * output.shape[1]).clamp(min=1)


def random_crop(image: Tensor, size: int, multiple: int) -> tuple[slice, slice]:
    """Where to cut a square of `size` px out of (B, C, H, W), at multiples of `multiple` px."""
    corners = []
    for side in image.shape[2:]:
        corners.append(multiple * int(torch.randint((side - size) // multiple + 1, ())))
    top, left = corners
    return slice(top, top + size), slice(left, left + size)


def frame_difference(output: Tensor, image: Tensor) -> Tensor:
    """How much paint changes where the film does not, for successive frames (2, 3, H, W) -> scalar.

    Mean |(O2 - O1) - (I2 - I1)|: where the film changes, the painting may change as much.
    """
    return ((output[1] - output[0]) - (image[1] - image[0])).abs().mean()


def lattice(image: Tensor, period_px: int) -> Tensor:
    """Share of the detail of each picture (B, 3, H, W) that is in step with cells -> (B,).

    A generator that works on blocks may paint the same dot into each of them, or into every other
    one. Detail is what differs from the mean of 9 x 9 pixels; what of it is the same in 4 x 4
    neighbouring cells of `period_px`, or alternates from cell to cell in one way, is compared with
    all of it: of strokes that know nothing of the cells that is a sixteenth, of a lattice all. Both
    sides must have a cell.
    """
    return _shares_by_pattern(_detail(image), period_px).amax(dim=(1, 2))


def regularity(picture: Tensor) -> Tensor:
    """How regular pictures (B, 3, H, W) are themselves, as halftones and tiles are -> (B,).

    The largest share of the detail that repeats with any period: .06 to .14 in paintings, .25 and
    more in what has a grid.
    """
    detail = _detail(picture)
    shares = [_shares_by_pattern(detail, period)[:, 0, 0] for period in REGULAR_PERIODS_PX]
    return torch.stack(shares).amax(dim=0)


def _detail(image: Tensor) -> Tensor:
    return image - F.avg_pool2d(image, 9, stride=1, padding=4, count_include_pad=False)


def _shares_by_pattern(detail: Tensor, period_px: int) -> Tensor:
    """(B, n, n): shares of the detail by how it changes over n x n neighbouring cells.

    Detail that is the same in all of them is in the first one, what alternates further on: each is
    a wave of a discrete Hartley transform over the cells.
    """
    cells = min(LATTICE_CELLS, *(length // period_px for length in detail.shape[2:]))
    side = period_px * cells
    rows, columns = (length // side for length in detail.shape[2:])
    tiles = detail[..., : rows * side, : columns * side]
    tiles = tiles.unflatten(3, (columns, cells, period_px)).unflatten(2, (rows, cells, period_px))
    numbers = torch.arange(cells, device=detail.device)
    angles = (2 * torch.pi / cells) * torch.outer(numbers, numbers)
    waves = (angles.cos() + angles.sin()) / cells**0.5
    found = torch.einsum("...ypdxq,yk,xl->...kpdlq", tiles, waves, waves)
    energy = found.square().sum(dim=(1, 2, 4, 5, 7))
    return energy / energy.sum(dim=(1, 2), keepdim=True).clamp(min=1e-6)


def excess_lattice(image: Tensor, period_px: int, allowed: Tensor) -> Tensor:
    """By how much too much of the detail of (B, 3, H, W) is in step with the cells -> scalar.

    What repeats from cell to cell may have the share `allowed`, (B,) or (), of its style. What
    alternates from cell to cell, as the fields of a chessboard do, may have that, or as much as
    strokes have that know nothing of the cells.
    """
    shares = _shares_by_pattern(_detail(image), period_px).flatten(1)
    alternating = allowed.clamp(min=STROKES_FACTOR / shares.shape[1])
    repeated = (shares[:, 0] - allowed).clamp(min=0)
    alternated = (shares[:, 1:] - alternating[..., None]).clamp(min=0)
    return (repeated + alternated.sum(dim=1)).mean()


def cell_dependence(image: Tensor, period_px: int) -> Tensor:
    """How much the detail of pictures (B, 3, H, W) depends on where in a cell it is -> (B,).

    A generator that works on blocks paints its dots at the same place in each of them, or in some
    here and there. Strokes know nothing of such cells of `period_px`: wherever in a cell one looks,
    their detail has the same autocorrelation on average. This is the share of its energy that has
    not (cyclostationarity: Gardner, Napolitano and Paura 2006, "Cyclostationarity: half a century
    of research"): .01 to .05 in photos, 1 if all detail is in one place. Both sides must have a
    cell.
    """
    height, width = (length // period_px * period_px for length in image.shape[2:])
    detail = _detail(image)[..., :height, :width].contiguous()
    beside = F.pad(detail, (LAGS_PX, LAGS_PX, 0, LAGS_PX))
    varying = energy = detail.new_zeros(len(image))
    for down in range(LAGS_PX + 1):
        # The other half of the lags says the same.
        for along in range(-LAGS_PX if down else 0, LAGS_PX + 1):
            left = LAGS_PX + along
            lagged = beside[..., down : down + height, left : left + width]
            cells = (detail * lagged).unflatten(3, (-1, period_px)).unflatten(2, (-1, period_px))
            found = cells.mean(dim=(2, 4))
            varying = varying + found.var(dim=(2, 3), unbiased=False).sum(dim=1)
            energy = energy + found.square().mean(dim=(2, 3)).sum(dim=1)
    return varying / energy.clamp(min=1e-12)


def excess_cell_dependence(image: Tensor, period_px: int, regularity: Tensor) -> Tensor:
    """By how much the detail of (B, 3, H, W) depends too much on its place in the cells -> scalar.

    What is regular in a style's picture, (B,) or (), over what is by chance, excuses it: who paints
    a halftone must put its dots somewhere.
    """
    excused = (regularity - 1 / LATTICE_CELLS**2).clamp(min=0)
    return (cell_dependence(image, period_px) - excused).clamp(min=0).mean()
