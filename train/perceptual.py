"""Train one generator on a bank of styles with perceptual losses: `python -m train perceptual`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from . import losses
from .backgrounds import on_plain_backgrounds, recoloured, softened
from .bank import StyledGenerator, generator_shape, random_mixtures, trained
from .checkpoint import (
    Checkpoint,
    load_checkpoint,
    optimizer_tensors,
    restore,
    save_checkpoint,
)
from .data import FramePairs, PhotoCrops, load_picture
from .errors import TrainError
from .features import CONTENT_STRIDE, VGGFeatures
from .freeze import freeze
from .importance import find_faces, importance_map
from .loop import Paths, averaged, learning_rate
from .objective import Objective, Sample
from .recipe import Recipe, recipe_from_dict
from .replay import Replayed
from .sheet import make_sheet

STYLE_RATE = 5.0
"""Learning rate of the style table relative to the network's: each style is in few batches."""
MAX_GRADIENT_NORM = 1.0
CALIBRATION_BATCHES = 16


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
        if device.type == "cuda" and self.photos.num_bytes < torch.cuda.mem_get_info(device)[0] / 4:
            self.photos.to(device)
            self.clips.to(device)
        features.to(device).calibrate(self._photos(CALIBRATION_BATCHES))
        self.objective = Objective(recipe, paths.data, features, device)
        self._begin(StyledGenerator(len(recipe.style_names), generator_shape(recipe)))

    def _photos(self, count: int) -> Iterator[Tensor]:
        """Batches of fresh crops."""
        for _ in range(count):
            yield self.photos.batch(self.recipe.batch, torch.default_generator).to(self.device)

    def _begin(self, model: StyledGenerator) -> None:
        """Train `model` from here on."""
        self.model = model.to(self.device).to(memory_format=torch.channels_last)
        self.average = averaged(self.model, self.recipe.average_decay)
        on_gpu = self.device.type == "cuda"
        self.optimizer = torch.optim.Adam(
            [
                {"params": list(self.model.net.parameters()), "share": 1.0},
                {"params": [self.model.styles], "share": STYLE_RATE},
            ],
            capturable=on_gpu,
        )
        for group in self.optimizer.param_groups:
            group["lr"] = torch.zeros((), device=self.device)
        learns = {asks: partial(self._learn, asks) for asks in (False, True)}
        # Crops of crops lie elsewhere in each step, which a graph cannot follow.
        can_replay = on_gpu and not self.recipe.weights.equivariance
        self._learns: dict[bool, Callable[..., Tensor]] = (
            {asks: Replayed(learn) for asks, learn in learns.items()} if can_replay else {**learns}
        )
        self.step = 0

    def advance(self) -> dict[str, float]:
        """One optimizer step on a fresh batch."""
        recipe = self.recipe
        num_mixed = round(recipe.batch * recipe.mixture_share)
        weights = random_mixtures(recipe.batch, recipe.style_frequencies, num_mixed)
        sample = self._sample(weights.to(self.device))
        rate = learning_rate(recipe, self.step)
        for group in self.optimizer.param_groups:
            group["lr"].fill_(group["share"] * rate)
        terms = self._learns[bool(weights[:, 0].any())](*sample)
        self.average.update_parameters(self.model)
        self.step += 1
        return dict(zip(self._term_names, terms.tolist(), strict=True))

    def _sample(self, weights: Tensor) -> Sample:
        """Fresh photos to be painted in mixtures (B, S) of the styles."""
        recipe = self.recipe
        batch = self.photos.marked_batch(len(weights), torch.default_generator).to(self.device)
        image = recoloured(batch[:, :3], recipe.recoloured_share)
        image = softened(image, recipe.soft_share)
        image = on_plain_backgrounds(image, recipe.plain_share)
        flow = losses.random_flow(len(image), *image.shape[2:], device=self.device)
        pair = None
        if recipe.weights.frame_difference:
            pair = self.clips.pair(torch.default_generator).to(self.device)
        return Sample(image, weights, flow, self._importance(batch), pair)

    def _learn(self, asks_original: bool, *tensors: Tensor | None) -> Tensor:
        """Lower the losses of a `Sample`; returns the total and the terms, in one tensor."""
        terms = self.objective.terms(self.model, Sample(*tensors), asks_original)  # type: ignore
        factors = asdict(self.recipe.weights)
        total = torch.stack([factors[name] * value for name, value in terms.items()]).sum()
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), MAX_GRADIENT_NORM)
        self.optimizer.step()
        self._term_names = ["total", *terms]
        return torch.stack([total, *terms.values()]).detach()

    def _importance(self, batch: Tensor) -> Tensor | None:
        """How much each place of the content features counts; None where all count the same."""
        share = self.recipe.importance
        if not share:
            return None
        image, faces = batch[:, :3], batch[:, 3:]
        size = image.shape[2] // CONTENT_STRIDE, image.shape[3] // CONTENT_STRIDE
        return 1 + share * (importance_map(image, faces, size) - 1)

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
                f"cannot start from {checkpoint}: its generator has another shape",
                f"{model.net.config.asdict()} instead of {config.asdict()}",
            )
        if model.net.config != config:
            model = freeze(model.to(self.device), self._photos(CALIBRATION_BATCHES))
        rows = dict(zip(known.style_names, model.styles.detach(), strict=True))
        mean = model.styles.detach().mean(dim=0)
        model.styles = torch.nn.Parameter(
            torch.stack([rows.get(name, mean) for name in self.recipe.style_names])
        )
        self._begin(model)

    def resume(self) -> None:
        """Go on from the checkpoint.

        Raises:
            TrainError: none there, or of other styles or another generator than the recipe's.
        """
        saved = load_checkpoint(self.paths.checkpoint)
        known = recipe_from_dict(saved.recipe, "the checkpoint's recipe")
        if (known.style_names, known.generator) != (self.recipe.style_names, self.recipe.generator):
            raise TrainError(
                f"{self.paths.checkpoint} is of other styles, or of another generator",
                "a run resumes with the recipe with which it began",
                "begin another run with its weights: --start-from",
            )
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
