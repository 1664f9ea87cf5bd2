"""Training computes in bfloat16 where that is fast, and only there."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from rtstyle.machine import this_machine
from train import devices
from train.devices import best_device, mixed_precision


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("avx2",), torch.float32),
        (("avx2", "avx512f", "avx512_vnni"), torch.float32),
        (("avx2", "avx512f", "avx512_bf16"), torch.bfloat16),
        (("amx_bf16",), torch.bfloat16),
        (("asimd", "bf16"), torch.bfloat16),
    ],
)
def test_convolutions_are_in_bfloat16_where_the_cpu_has_instructions_for_it(
    flags: tuple[str, ...], expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = replace(this_machine(), cpu_flags=flags)
    monkeypatch.setattr(devices, "this_machine", lambda: machine)
    layer, image = torch.nn.Conv2d(3, 4, 3), torch.rand(1, 3, 8, 8)
    with mixed_precision(torch.device("cpu")):
        assert layer(image).dtype == expected
    assert layer(image).dtype == torch.float32


def test_a_gpu_is_preferred_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert best_device().type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert best_device().type == "cpu"


@pytest.mark.parametrize("has_instructions", [True, False])
def test_a_gpu_that_only_imitates_bfloat16_computes_in_float32(
    has_instructions: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return has_instructions or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    made: list[tuple] = []
    monkeypatch.setattr(torch, "autocast", lambda *args, **more: made.append((*args, more)))
    mixed_precision(torch.device("cuda"))
    assert made == [("cuda", torch.bfloat16, {"enabled": has_instructions})]
