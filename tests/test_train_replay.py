"""CUDA graphs of training steps: with a stand-in for the graph, and on a GPU where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from train.replay import WARM_UP_CALLS, Replayed

NEEDS_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")


class GraphStandIn:
    """Does at each replay what a graph does: the recorded work on the recorded tensors."""

    recording: GraphStandIn | None = None
    num_replays = 0

    def replay(self) -> None:
        self.num_replays += 1
        self.work()

    def work(self) -> None:
        raise AssertionError("nothing was recorded")


class StreamStandIn:
    def wait_stream(self, other: StreamStandIn) -> None:
        pass


@contextmanager
def recording(graph: GraphStandIn) -> Iterator[None]:
    GraphStandIn.recording = graph
    yield
    GraphStandIn.recording = None


@contextmanager
def on_stream(stream: StreamStandIn) -> Iterator[None]:
    yield


def test_every_call_does_the_work_once_on_its_own_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "CUDAGraph", GraphStandIn)
    monkeypatch.setattr(torch.cuda, "graph", recording)
    monkeypatch.setattr(torch.cuda, "Stream", StreamStandIn)
    monkeypatch.setattr(torch.cuda, "current_stream", StreamStandIn)
    monkeypatch.setattr(torch.cuda, "stream", on_stream)
    done = torch.zeros(())

    def work(x: torch.Tensor, extra: torch.Tensor | None) -> torch.Tensor:
        assert extra is None
        result = torch.zeros(2)

        def now() -> None:
            done.add_(1)
            result.copy_(2 * x)

        if GraphStandIn.recording is None:
            now()
        else:
            GraphStandIn.recording.work = now
        return result

    replayed = Replayed(work)
    for number in range(1, WARM_UP_CALLS + 4):
        given = torch.full((2,), float(number))
        assert replayed(given, None).tolist() == [2 * number, 2 * number]
        assert done == number


@pytest.mark.gpu
@NEEDS_GPU
def test_a_replayed_step_learns_as_a_plain_one_does() -> None:
    def losses(*, replay: bool) -> list[float]:
        torch.manual_seed(0)
        layer = torch.nn.Linear(4, 1).cuda()
        optimizer = torch.optim.Adam(layer.parameters(), capturable=True)
        optimizer.param_groups[0]["lr"] = torch.tensor(0.1, device="cuda")

        def learn(x: torch.Tensor) -> torch.Tensor:
            loss = (layer(x) - x.sum(dim=1, keepdim=True)).square().mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            return loss.detach()

        step = Replayed(learn) if replay else learn
        return [step(torch.rand(8, 4).cuda()).item() for _ in range(20)]

    assert losses(replay=True) == pytest.approx(losses(replay=False), rel=1e-3)
