"""What trainings of every kind share."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from train.loop import averaged


def mean_of_steps(num: int, decay: float) -> float:
    """The average of a model whose only weight is the number of the step, after `num` steps."""
    model = nn.Linear(1, 1, bias=False)
    average = averaged(model, decay)
    for step in range(1, num + 1):
        with torch.no_grad():
            model.weight.fill_(step)
        average.update_parameters(model)
    return next(average.parameters()).item()


@pytest.mark.parametrize("num", [40, 400])
def test_the_average_reaches_back_over_a_third_of_the_steps(num: int) -> None:
    # With weights that grow as the square of the step, the mean is three quarters of the last.
    assert mean_of_steps(num, decay=1.0) == pytest.approx(0.75 * num, rel=0.03)


def test_the_average_reaches_back_no_farther_than_its_decay() -> None:
    assert mean_of_steps(400, decay=0.9) == pytest.approx(400 - 0.9 / 0.1, rel=0.01)
