"""A training run of any domain network: turns, checkpoint, sheet; alone or in several processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cached_property

import torch
from torch import Tensor, nn

from ..checkpoint import (
    Checkpoint,
    load_checkpoint,
    optimizer_tensors,
    restore,
    save_checkpoint,
)
from ..devices import mixed_precision
from ..errors import TrainError
from ..features import VGGFeatures
from ..loop import Paths, Report, averaged, learning_rate, train
from ..sheet import make_sheet
from .batches import Batch, PairSet
from .faces import Faces, read_faces
from .player import Player
from .processes import Process
from .recipe import DomainRecipe, check_size, domain_recipe_from_dict

MAX_GRADIENT_NORM = 1.0
SHEET_PAIRS = 4
CALIBRATION_FACES, CALIBRATION_BATCH = 16, 8


class DomainRun:
    """A training run: `advance` lets each player take a turn and returns the loss terms by name.

    The last player is the generator: it paints the sheets, its weights are averaged, and it is what
    gets exported.

    Args:
        recipe: what to do.
        paths: where the data lies and what is written.
        pairs: to learn from.
        players: on the process's device.
        process: this one among others.

    Raises:
        TrainError: the generator cannot paint at the recipe's size.
    """

    def __init__(
        self,
        recipe: DomainRecipe,
        paths: Paths,
        pairs: PairSet,
        players: Sequence[Player],
        process: Process,
    ) -> None:
        self.recipe = replace(
            recipe,
            styles=list(pairs.styles),
            licence=pairs.licence,
            learned_from=pairs.origin,
        )
        self.paths, self.pairs, self.process = paths, pairs, process
        self.players = list(players)
        check_size(recipe.size_px, self.generator.size_multiple, "size_px")  # type: ignore[arg-type]
        self.objectives = [process.together(player.objective) for player in players]
        self.optimizers = [
            torch.optim.Adam(
                [weight for weight in player.net.parameters() if weight.requires_grad],
                betas=(0.5, 0.99) if len(players) > 1 else (0.9, 0.999),
            )
            for player in players
        ]
        self.average = averaged(self.generator, recipe.average_decay)
        self.step = 0
        torch.manual_seed(recipe.seed + process.rank)

    @property
    def generator(self) -> nn.Module:
        return self.players[-1].net

    def advance(self) -> dict[str, float]:
        """One turn of every player on the same fresh pairs."""
        batch = self._batch()
        terms: dict[str, float] = {}
        for player, objective, optimizer in zip(
            self.players, self.objectives, self.optimizers, strict=True
        ):
            terms |= self._turn(player, objective, optimizer, batch)
        self.average.update_parameters(self.generator)
        self.step += 1
        return terms

    def _turn(
        self,
        player: Player,
        objective: nn.Module,
        optimizer: torch.optim.Optimizer,
        batch: Batch,
    ) -> dict[str, float]:
        for group in optimizer.param_groups:
            group["lr"] = player.rate_share * learning_rate(self.recipe, self.step)
        with mixed_precision(self.process.device):
            terms: dict[str, Tensor] = objective(batch)
        total = torch.stack([player.factors[name] * value for name, value in terms.items()]).sum()
        if not total.isfinite():
            raise TrainError(
                f"the loss of the {player.name} in step {self.step + 1} is {total.item()}",
                "the last checkpoint is from before, if there is one",
                "lower learning_rate in the recipe, and begin anew or go on with --resume",
            )
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(player.net.parameters(), MAX_GRADIENT_NORM)
        optimizer.step()
        found = {name: value.item() for name, value in terms.items()}
        return {f"{player.name} total": total.item(), **found}

    def _batch(self) -> Batch:
        batch = self.pairs.batch(self.recipe.batch, torch.default_generator)
        return batch.to(self.process.device)

    def save(self) -> None:
        """Write the checkpoint: all players, by name."""
        save_checkpoint(
            self.paths.checkpoint,
            Checkpoint(
                self.step,
                asdict(self.recipe),
                _named({p.name: p.net.state_dict() for p in self.players}),
                self.average.module.state_dict(),
                _named(
                    {
                        player.name: optimizer_tensors(optimizer)
                        for player, optimizer in zip(self.players, self.optimizers, strict=True)
                    }
                ),
                torch.get_rng_state(),
            ),
        )

    def resume(self) -> None:
        """Go on from the checkpoint; the other processes draw other pairs than before.

        Raises:
            TrainError: none there, or of another network or other styles than the recipe's.
        """
        path = self.paths.checkpoint
        saved = load_checkpoint(path)
        known, own = domain_recipe_from_dict(saved.recipe, str(path)), self.recipe
        if (known.network, known.styles, known.shape) != (own.network, own.styles, own.shape):
            raise TrainError(
                f"{path} is of another network, or of other styles",
                "a run resumes with the recipe and the pairs with which it began",
                "begin anew in another folder with --out",
            )
        learners = zip(self.players, self.optimizers, strict=True)
        nets = [(f"{p.name}:", p.net, optimizer) for p, optimizer in learners]
        try:
            restore(saved, self.average, nets)
        except RuntimeError as error:  # DCNN keeps VGG16 or VGG19 inside
            raise TrainError(
                f"the weights in {path} do not fit into this network",
                fix="resume with the --features with which the run began",
            ) from error
        self.step = saved.step
        if self.process.is_first:
            torch.set_rng_state(saved.random)
        else:
            torch.manual_seed(self.recipe.seed + self.process.rank + saved.step)

    @torch.no_grad()
    def sheet(self) -> Tensor:
        """Sheet of the averaged weights: some pairs, then faces not trained on; (3, H, W)."""
        generator = self.average.module
        was_training = generator.training
        generator.eval()
        known = self.pairs.first(SHEET_PAIRS).to(self.process.device)
        rows = [
            [source, target, painted]
            for source, target, painted in zip(
                known.source, known.target, paint(generator, known.source, known.style), strict=True
            )
        ]
        strange = self.strangers.to(self.process.device)
        if len(strange):
            style = known.style[:1].expand(len(strange), -1)
            painted = paint(generator, strange, style)
            rows += [[face, face, done] for face, done in zip(strange, painted, strict=True)]
        generator.train(was_training)
        sheet = make_sheet(["face", "target", self.recipe.network], rows)
        sheet.save(self.paths.out / f"sheet_{self.step:06d}.png")
        from torchvision.transforms.functional import to_tensor

        return to_tensor(sheet)

    @cached_property
    def strangers(self) -> Tensor:
        """Faces that are not trained on, for the sheets: (N, 3, S, S) in [0, 1].

        Raises:
            TrainError: one of the recipe's `sheet_photos` is missing.
        """
        places = [self.paths.data / place for place in self.recipe.sheet_photos]
        crops = replace(self.recipe.crops, size_px=self.recipe.size_px)
        faces = read_faces(places, crops, min_faces=0) if places else Faces()
        if not len(faces):
            return torch.empty(0, 3, crops.size_px, crops.size_px)
        return faces.stack().float() / 255


def calibrate(features: VGGFeatures, pairs: PairSet) -> None:
    """Give the features unit rms on the source faces."""
    device = next(features.buffers()).device
    known = pairs.first(min(len(pairs), CALIBRATION_FACES)).source
    with mixed_precision(device):
        features.calibrate(part.to(device) for part in known.split(CALIBRATION_BATCH))


def paint(generator: nn.Module, faces: Tensor, style: Tensor) -> Tensor:
    """Faces (B, 3, S, S) painted in styles (B, K), if the generator knows of any; in [0, 1]."""
    knows_styles = getattr(generator, "num_style_values", 0) > 0
    painted = generator(faces, style) if knows_styles else generator(faces)
    return painted.float().clamp(0, 1)


def train_together(run: DomainRun, report: Report) -> None:
    """Advance to the recipe's last step; only the first process saves, draws and reports."""
    if run.process.is_first:
        run.strangers.numel()  # a photo that is missing is said now, not hours later
        train(run, report)
        return
    while run.step < run.recipe.steps:
        run.advance()


def _named(groups: dict[str, dict[str, Tensor]]) -> dict[str, Tensor]:
    return {
        f"{name}:{key}": value for name, group in groups.items() for key, value in group.items()
    }
