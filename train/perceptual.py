"""Train one generator on a bank of styles with perceptual losses: `python -m train perceptual`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from . import losses
from .bank import StyledGenerator, random_mixtures, trained
from .checkpoint import (
    Checkpoint,
    load_checkpoint,
    optimizer_tensors,
    restore,
    save_checkpoint,
)
from .data import FramePairs, PhotoCrops, load_picture
from .errors import TrainError
from .features import CONTENT_LAYER, CONTENT_STRIDE, VGGFeatures
from .freeze import freeze
from .generators import UnshuffleConfig
from .importance import find_faces, importance_map
from .loop import Paths, averaged, learning_rate
from .recipe import Recipe
from .sheet import make_sheet

STYLE_RATE = 5.0
"""Learning rate of the style table relative to the network's: each style is in few batches."""
MAX_GRADIENT_NORM = 1.0
CALIBRATION_BATCHES = 16
CROP_SHARE = 0.625
"""Side of the crop of a crop, for equivariance."""

Features = dict[str, Tensor]
"""By layer."""


class PerceptualRun:
    """A training run: `advance` makes one step and returns the loss terms by name."""

    def __init__(
        self, recipe: Recipe, paths: Paths, features: VGGFeatures, device: torch.device
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.paths, self.device = recipe, paths, device
        folders = [paths.data / folder for folder in recipe.photos]
        self.clips = FramePairs([paths.data / clip for clip in recipe.clips], recipe.size_px)
        self.photos = PhotoCrops(
            folders, recipe.size_px, exclude=recipe.exclude, more=self.clips.stills()
        )
        if recipe.importance:
            self.photos.mark(find_faces)
        self.features = features.to(device)
        self.features.calibrate(self._photos(CALIBRATION_BATCHES))
        self.grams = self._style_grams(recipe.style_short_side_px)
        if recipe.weights.coarse_style:
            self.coarse_grams = self._style_grams(recipe.style_short_side_px // 2)
        config = UnshuffleConfig(**recipe.generator)
        self._begin(StyledGenerator(len(recipe.style_names), config))

    def _photos(self, count: int) -> Iterator[Tensor]:
        """Batches of fresh crops."""
        for _ in range(count):
            yield self.photos.batch(self.recipe.batch, torch.default_generator).to(self.device)

    def _begin(self, model: StyledGenerator) -> None:
        """Train `model` from here on."""
        self.model = model.to(self.device).to(memory_format=torch.channels_last)
        self.average = averaged(self.model, self.recipe.average_decay)
        self.optimizer = torch.optim.Adam(
            [
                {"params": list(self.model.net.parameters()), "share": 1.0},
                {"params": [self.model.styles], "share": STYLE_RATE},
            ]
        )
        self.step = 0

    def advance(self) -> dict[str, float]:
        """One optimizer step on a fresh batch."""
        recipe = self.recipe
        batch = self.photos.marked_batch(recipe.batch, torch.default_generator).to(self.device)
        num_mixed = round(recipe.batch * recipe.mixture_share)
        weights = random_mixtures(recipe.batch, len(recipe.style_names), num_mixed)
        for group in self.optimizer.param_groups:
            group["lr"] = group["share"] * learning_rate(recipe, self.step)
        terms = self._losses(batch[:, :3], weights.to(self.device), self._importance(batch))
        factors = asdict(recipe.weights)
        total = torch.stack([factors[name] * value for name, value in terms.items()]).sum()
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), MAX_GRADIENT_NORM)
        self.optimizer.step()
        self.average.update_parameters(self.model)
        self.step += 1
        return {"total": total.item(), **{name: value.item() for name, value in terms.items()}}

    def _importance(self, batch: Tensor) -> Tensor | None:
        """How much each place of the content features counts; None where all count the same."""
        share = self.recipe.importance
        if not share:
            return None
        image, faces = batch[:, :3], batch[:, 3:]
        size = image.shape[2] // CONTENT_STRIDE, image.shape[3] // CONTENT_STRIDE
        return 1 + share * (importance_map(image, faces, size) - 1)

    def _losses(
        self, image: Tensor, weights: Tensor, importance: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Loss terms, named as in `Weights`, for photos (B, 3, H, W) and style weights (B, S)."""
        flow = losses.random_flow(len(image), image.shape[2], image.shape[3]).to(self.device)
        disturbed = losses.disturb(image, flow)
        with torch.autocast(self.device.type, torch.bfloat16):
            with torch.no_grad():
                # The photo's own style is asked for only by `original`, index 0.
                seen = self.features(image, "relu4_3" if weights[:, 0].any() else CONTENT_LAYER)
            painted = self.model(torch.cat([image, disturbed]), weights.repeat(2, 1))
            output, disturbed_output = painted.float().chunk(2)
            found = self.features(output)
        content = losses.content_distance(found[CONTENT_LAYER], seen[CONTENT_LAYER], importance)
        pixels = (output - image).abs().mean(dim=(1, 2, 3))
        return {
            "content": content.mean(),
            "style": _style_loss(found, seen, self.grams, weights),
            "total_variation": losses.total_variation(output),
            "stability": losses.compound_regularisation(output, disturbed_output, flow),
            "identity": (weights[:, 0] * pixels).mean(),
            **self._further_losses(image, output, weights),
        }

    def _further_losses(self, image: Tensor, output: Tensor, weights: Tensor) -> dict[str, Tensor]:
        """Terms that cost another pass, where the recipe gives them a weight."""
        terms = {}
        with torch.autocast(self.device.type, torch.bfloat16):
            if self.recipe.weights.equivariance:
                multiple = self.model.net.config.size_multiple
                size = int(image.shape[2] * CROP_SHARE) // multiple * multiple
                rows, columns = losses.random_crop(image, size, multiple)
                part = self.model(image[..., rows, columns], weights).float()
                terms["equivariance"] = (output[..., rows, columns] - part).abs().mean()
            if self.recipe.weights.coarse_style:
                found = self.features(F.avg_pool2d(output, 2))
                with torch.no_grad():
                    seen = self.features(F.avg_pool2d(image, 2)) if weights[:, 0].any() else {}
                terms["coarse_style"] = _style_loss(found, seen, self.coarse_grams, weights)
            if self.recipe.weights.frame_difference:
                pair = self.clips.pair(torch.default_generator).to(self.device)
                painted = self.model(pair, weights[:1].repeat(2, 1)).float()
                terms["frame_difference"] = losses.frame_difference(painted, pair)
        return terms

    def _style_grams(self, short_side_px: int) -> Features:
        """{layer: Gram matrices (S - 1, C, C)} of the style pictures."""
        grams: dict[str, list[Tensor]] = {}
        for style in self.recipe.styles:
            picture = load_picture(self.paths.data / style.file, short_side=short_side_px)
            with torch.no_grad():
                found = self.features(picture[None].to(self.device))
            for layer, features in found.items():
                grams.setdefault(layer, []).append(losses.gram_matrix(features))
        return {layer: torch.cat(matrices) for layer, matrices in grams.items()}

    def save(self) -> None:
        """Write the checkpoint."""
        save_checkpoint(
            self.paths.checkpoint,
            Checkpoint(
                self.step,
                asdict(self.recipe),
                self.model.state_dict(),
                self.average.module.state_dict(),
                optimizer_tensors(self.optimizer),
                torch.get_rng_state(),
            ),
        )

    def start_from(self, checkpoint: Path) -> None:
        """Begin with another run's averaged weights, and with its vectors for styles of one name.

        Styles that it does not know begin at the mean of those that it knows. A generator with
        instance normalisation is frozen where the recipe says so.

        Raises:
            TrainError: the generators differ in shape.
        """
        model, known = trained(load_checkpoint(checkpoint))
        config = self.model.net.config
        can_be_frozen = replace(model.net.config, normalisation="frozen") == config
        if model.net.config != config and not can_be_frozen:
            raise TrainError(
                f"cannot start from {checkpoint}: its generator has another shape\n"
                f"{model.net.config.asdict()} instead of {config.asdict()}"
            )
        if model.net.config != config:
            model = freeze(model, self._photos(CALIBRATION_BATCHES))
        rows = dict(zip(known.style_names, model.styles.detach(), strict=True))
        mean = model.styles.detach().mean(dim=0)
        model.styles = torch.nn.Parameter(
            torch.stack([rows.get(name, mean) for name in self.recipe.style_names])
        )
        self._begin(model)

    def resume(self) -> None:
        """Go on from the checkpoint."""
        saved = load_checkpoint(self.paths.checkpoint)
        restore(saved, self.average, [("", self.model, self.optimizer)])
        torch.set_rng_state(saved.random)
        self.step = saved.step

    @torch.no_grad()
    def sheet(self) -> Tensor:
        """Sheet of the averaged weights: photo, styles, a mixture, two strengths; (3, H, W)."""
        names = self.recipe.style_names
        last = len(names) - 1
        columns: list[tuple[str, dict[int, float]]] = [(n, {i: 1.0}) for i, n in enumerate(names)]
        columns.append((f"{names[1]} + {names[last]}", {1: 0.5, last: 0.5}))
        columns += [(f"{names[1]} {share:.0%}", {1: share, 0: 1 - share}) for share in (0.33, 0.66)]
        weights = torch.zeros(len(columns), len(names), device=self.device)
        for row, (_, shares) in enumerate(columns):
            for index, share in shares.items():
                weights[row, index] = share
        rows = []
        for file in self.recipe.sheet_photos:
            photo = load_picture(self.paths.data / file, short_side=256)[:, :256, :256]
            painted = self.average.module(
                photo.repeat(len(columns), 1, 1, 1).to(self.device), weights
            )
            rows.append([photo, *painted])
        sheet = make_sheet(["photo", *(caption for caption, _ in columns)], rows)
        sheet.save(self.paths.out / f"sheet_{self.step:06d}.png")
        from torchvision.transforms.functional import to_tensor

        return to_tensor(sheet)


def _style_loss(found: Features, seen: Features, grams: Features, weights: Tensor) -> Tensor:
    """Mean distance of a painting's features from the mixtures (B, S) of styles aimed at.

    `grams` are those of all pictures but `original`, which stands for the photo's own style, told
    from what is `seen` in it; where no mixture contains it, nothing has to be.
    """
    distances = []
    for layer, features in found.items():
        target = torch.einsum("bs,scd->bcd", weights[:, 1:], grams[layer])
        if layer in seen and weights[:, 0].any():
            target = target + weights[:, :1, None] * losses.gram_matrix(seen[layer])
        distances.append(losses.style_distance(losses.gram_matrix(features), target))
    return torch.stack(distances).mean()
