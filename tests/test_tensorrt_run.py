"""The calls that touch the GPU, against stand-ins: order, shapes, types, lifetimes."""

from __future__ import annotations

import gc
import json

import numpy as np
import pytest
from cuda_standin import FakeRTX, FakeTensorRT, FakeTorch, Strategy

from rtstyle.errors import EngineError
from rtstyle.inference.tensorrt_compile import RTX, Library
from rtstyle.inference.tensorrt_run import NUM_SLOTS, RunOptions, TensorRTRunner
from rtstyle.runner import one_behind

HEIGHT, WIDTH, P = 16, 24, 8


def paint(inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Inverts the frame and adds the style's first value."""
    return (255 - inputs["frame"] + inputs["style"][0, 0].astype(np.uint8)).astype(np.uint8)


def plan_of(**changes: tuple) -> bytes:
    tensors = {
        "frame": ([1, HEIGHT, WIDTH, 3], "UINT8", True),
        "style": ([1, P], "FLOAT", True),
        "stylized": ([1, HEIGHT, WIDTH, 3], "UINT8", False),
        **changes,
    }
    return json.dumps({name: facts for name, facts in tensors.items() if facts}).encode()


class Bench:
    """A GPU with one plan on it."""

    def __init__(self, options: RunOptions | None = None, *, rtx: bool = False) -> None:
        self.torch = FakeTorch()
        kind = FakeRTX if rtx else FakeTensorRT
        self.trt = kind(self.torch, paint, num_style_values=P)
        self.library = Library(RTX if rtx else "tensorrt", self.trt)
        self.options = options

    def runner(self, plan: bytes | None = None) -> TensorRTRunner:
        return TensorRTRunner(self.library, self.torch, plan or plan_of(), self.options)


def frame(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def style(value: float) -> np.ndarray:
    return np.full(P, value, np.float32)


def expected(seed: int, value: float) -> np.ndarray:
    return paint({"frame": frame(seed), "style": style(value)[None]})


def test_paints_what_the_engine_computes() -> None:
    runner = Bench().runner()
    for seed in range(5):
        np.testing.assert_array_equal(
            runner.stylize(frame(seed), style(seed)), expected(seed, seed)
        )


def test_results_are_not_overwritten_by_later_frames() -> None:
    runner = Bench().runner()
    first = runner.stylize(frame(0), style(0))
    for seed in range(1, 5):
        runner.stylize(frame(seed), style(seed))
    np.testing.assert_array_equal(first, expected(0, 0))


def test_shapes_are_read_from_the_plan() -> None:
    runner = Bench().runner()
    assert (runner.height, runner.width, runner.num_style_values) == (HEIGHT, WIDTH, P)


def test_many_frames_come_in_order() -> None:
    runner = Bench().runner()
    painted = list(one_behind(runner.begin(frame(seed), style(seed)) for seed in range(7)))
    assert len(painted) == 7
    for seed, pixels in enumerate(painted):
        np.testing.assert_array_equal(pixels, expected(seed, seed))


def test_two_frames_overlap_on_two_streams() -> None:
    bench = Bench()
    runner = bench.runner()
    bench.torch.calls.clear()
    list(one_behind(runner.begin(frame(seed), style(0)) for seed in range(4)))
    calls = bench.torch.calls
    one_frame = ["upload", "upload", "paint", "download"]
    first_wait = [kind for kind, _ in calls].index("wait")
    begun = calls[:first_wait]
    assert [kind for kind, _ in begun] == one_frame * NUM_SLOTS
    assert len({stream for _, stream in begun}) == NUM_SLOTS
    assert [kind for kind, _ in calls].count("wait") == 4


def test_each_frame_stays_on_one_stream_in_order() -> None:
    bench = Bench()
    runner = bench.runner()
    bench.torch.calls.clear()
    runner.stylize(frame(0), style(0))
    kinds = [kind for kind, _ in bench.torch.calls]
    assert kinds == ["upload", "upload", "paint", "download", "wait"]
    assert len({stream for _, stream in bench.torch.calls}) == 1


def test_a_third_frame_waits_for_the_first_which_is_kept() -> None:
    bench = Bench()
    runner = bench.runner()
    bench.torch.calls.clear()
    begun = [runner.begin(frame(seed), style(seed)) for seed in range(NUM_SLOTS + 3)]
    assert [kind for kind, _ in bench.torch.calls].count("wait") == 3
    for seed, finish in reversed(list(enumerate(begun))):
        np.testing.assert_array_equal(finish(), expected(seed, seed))
        assert finish() is finish()


def test_a_frame_under_way_outlives_its_runner() -> None:
    bench = Bench()
    runner = bench.runner()
    finish = runner.begin(frame(3), style(1))
    del runner
    gc.collect()
    np.testing.assert_array_equal(finish(), expected(3, 1))
    del finish
    gc.collect()
    assert len(bench.torch.memory) == 0


def test_closing_waits_for_what_is_under_way() -> None:
    bench = Bench()
    runner = bench.runner()
    begun = [runner.begin(frame(seed), style(0)) for seed in range(NUM_SLOTS)]
    runner.close()
    assert all(not stream.waiting for stream in bench.torch.streams.values())
    for seed, finish in enumerate(begun):
        np.testing.assert_array_equal(finish(), expected(seed, 0))


def test_a_failure_under_way_belongs_to_its_frame() -> None:
    bench = Bench()
    runner = bench.runner()
    right = bench.trt.paint

    def fail_on_the_second(inputs: dict[str, np.ndarray]) -> np.ndarray:
        if inputs["style"][0, 0] == 2:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        return right(inputs)

    bench.trt.paint = fail_on_the_second
    first, second = (runner.begin(frame(seed), style(seed)) for seed in (1, 2))
    with pytest.raises(RuntimeError, match="illegal"):
        second()
    np.testing.assert_array_equal(first(), expected(1, 1))
    runner.close()


def test_both_slots_are_warm_before_the_first_frame() -> None:
    bench = Bench()
    bench.runner()
    assert bench.trt.num_launches == NUM_SLOTS


def test_a_cuda_graph_is_recorded_once_a_slot_and_replayed() -> None:
    bench = Bench(RunOptions(cuda_graph=True))
    runner = bench.runner()
    assert bench.torch.num_recorded == NUM_SLOTS
    launched = bench.trt.num_launches
    for seed in range(4):
        np.testing.assert_array_equal(runner.stylize(frame(seed), style(2)), expected(seed, 2))
    assert bench.trt.num_launches == launched
    assert ("replay" in {kind for kind, _ in bench.torch.calls}) is True


@pytest.mark.parametrize("cuda_graph", [False, True])
def test_rtx_records_graphs_itself(cuda_graph: bool) -> None:
    bench = Bench(RunOptions(cuda_graph=cuda_graph), rtx=True)
    runner = bench.runner()
    config = runner._slots[0].context.config
    wanted = Strategy.WHOLE_GRAPH_CAPTURE if cuda_graph else Strategy.DISABLED
    assert config.cuda_graph_strategy is wanted
    assert bench.torch.num_recorded == 0
    np.testing.assert_array_equal(runner.stylize(frame(0), style(0)), expected(0, 0))


def test_kernels_of_rtx_are_kept_and_taken_again() -> None:
    kept: list[bytes] = []
    Bench(RunOptions(keep_kernels=kept.append), rtx=True).runner()
    assert kept == [b"kernels"]
    runner = Bench(RunOptions(kernels=b"kernels of before"), rtx=True).runner()
    assert runner._kernels.blob == b"kernels of before"
    runner = Bench(RunOptions(kernels=b"of another driver"), rtx=True).runner()
    np.testing.assert_array_equal(runner.stylize(frame(0), style(0)), expected(0, 0))


def test_further_outputs_get_memory_too() -> None:
    plan = plan_of(statistics=([1, P], "FLOAT", False))
    np.testing.assert_array_equal(Bench().runner(plan).stylize(frame(0), style(0)), expected(0, 0))


def test_a_generator_without_style_input() -> None:
    bench = Bench()
    bench.trt.paint = lambda inputs: 255 - inputs["frame"]
    runner = bench.runner(plan_of(style=()))
    assert runner.num_style_values == 0
    np.testing.assert_array_equal(runner.stylize(frame(0), style(7)), 255 - frame(0))


@pytest.mark.parametrize(
    "changes",
    [
        {"frame": ()},
        {"stylized": ()},
        {"frame": ([1, HEIGHT, WIDTH, 3], "HALF", True)},
        {"stylized": ([1, HEIGHT, WIDTH, 3], "FLOAT", False)},
        {"stylized": ([1, HEIGHT, 2 * WIDTH, 3], "UINT8", False)},
        {"style": ([1, P], "INT4", True)},
    ],
)
def test_plans_with_other_tensors_are_refused(changes: dict[str, tuple]) -> None:
    with pytest.raises(EngineError, match="not one of rtstyle"):
        Bench().runner(plan_of(**changes))


def test_a_plan_of_another_version_is_refused_with_the_reason() -> None:
    with pytest.raises(EngineError, match="Magic tag"):
        Bench().runner(b"no plan")


def test_no_memory_for_a_context_is_said() -> None:
    bench = Bench()
    bench.trt.refuses = "context"
    with pytest.raises(EngineError, match="too little memory"):
        bench.runner()


def test_a_launch_that_fails_is_an_engine_error() -> None:
    bench = Bench()
    runner = bench.runner()
    bench.trt.fails_after = bench.trt.num_launches
    with pytest.raises(EngineError, match="could not start"):
        runner.stylize(frame(0), style(0))


def test_memory_is_given_back_with_the_runner() -> None:
    bench = Bench()
    runner = bench.runner()
    assert len(bench.torch.memory) == 3 * NUM_SLOTS
    del runner
    gc.collect()
    assert len(bench.torch.memory) == 0
