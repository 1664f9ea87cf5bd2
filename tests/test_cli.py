"""The commands as a user types them: results, messages, exit codes, nothing written in error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from rtstyle.api import styles_of
from rtstyle.cli import main
from rtstyle.cli.styling import parse_mix
from rtstyle.cli.video import parse_time
from rtstyle.errors import UsageError
from rtstyle.style import StyleBank, save_styles
from tests.media import Clip, make_clip

ROOT = Path(__file__).resolve().parent.parent
Run = Callable[..., int]


@pytest.fixture
def rtstyle(monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["rtstyle", *map(str, arguments)])
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    return run


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    pts = (0, 30, 90, 105, 180, 260)
    return make_clip(
        tmp_path / "in.mp4",
        Clip(num_frames=6, pts=pts, time_base=Fraction(1, 600), audio=("eng",)),
    )


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    Image.fromarray(pixels).resize((160, 120)).save(path)
    return path


def decoded(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def mean_difference(one: av.VideoFrame, other: av.VideoFrame) -> float:
    pixels = one.to_ndarray(format="rgb24").astype(int), other.to_ndarray(format="rgb24")
    return float(np.abs(pixels[0] - pixels[1]).mean())


def test_video_paints_every_frame_and_keeps_times_and_sound(
    rtstyle: Run, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.mp4"
    assert rtstyle("video", clip, out, "--style", "scream", "--json") == 0
    before, after = decoded(clip), decoded(out)
    assert [frame.time for frame in after] == pytest.approx([frame.time for frame in before])
    assert (after[0].width, after[0].height) == (before[0].width, before[0].height)
    change = np.abs(
        after[2].to_ndarray(format="rgb24") - before[2].to_ndarray(format="rgb24").astype(int)
    )
    assert change.mean() > 10
    with av.open(str(out)) as container:
        assert len(container.streams.audio) == 1
    facts = json.loads(capsys.readouterr().out)
    assert facts["schema"] == 1
    assert facts["frames"] == 6
    assert facts["style"] == {"scream": 1.0}
    assert facts["streams"][0]["is_kept"]


def test_own_styles_of_one_name_are_mixed_all_the_same(
    rtstyle: Run, photo: Path, tmp_path: Path
) -> None:
    bank = styles_of("fast")
    for name in ("scream", "pencil"):
        (tmp_path / name).mkdir()
        style = replace(bank[name], name="mosaic")
        save_styles(tmp_path / name / "a.style", StyleBank(bank.generator, {"mosaic": style}))
    own = [tmp_path / name / "a.style" for name in ("scream", "pencil")]
    mixes = {
        "own.png": f"{own[0]}:0.5,{own[1]}:0.5",
        "shelf.png": "scream:0.5,pencil:0.5",
        "with_its_twin.png": f"{own[0]}:0.5,mosaic:0.5",
        "twins.png": "scream:0.5,mosaic:0.5",
    }
    for name, mix in mixes.items():
        assert rtstyle("image", photo, tmp_path / name, "--mix", mix) == 0
    painted = {name: np.asarray(Image.open(tmp_path / name)) for name in mixes}
    assert np.array_equal(painted["own.png"], painted["shelf.png"])
    assert np.array_equal(painted["with_its_twin.png"], painted["twins.png"])
    assert not np.array_equal(painted["own.png"], painted["twins.png"])


def test_video_compare_puts_the_source_on_the_left(
    rtstyle: Run, clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mkv"
    assert rtstyle("video", clip, out, "--compare", "--style", "pencil", "--crf", 10) == 0
    before, after = decoded(clip)[0], decoded(out)[0]
    assert after.width == 2 * before.width
    left = after.to_ndarray(format="rgb24")[:, : before.width].astype(int)
    assert np.abs(left - before.to_ndarray(format="rgb24")).mean() < 6


def test_strength_0_leaves_the_pictures_alone(rtstyle: Run, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    assert rtstyle("video", clip, out, "--strength", 0, "--crf", 5) == 0
    for before, after in zip(decoded(clip), decoded(out), strict=True):
        difference = before.to_ndarray(format="rgb24").astype(int) - after.to_ndarray(
            format="rgb24"
        )
        assert np.abs(difference).mean() < 4


def test_start_and_end_cut(rtstyle: Run, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    assert (
        rtstyle("video", clip, out, "--start", "0.1", "--end", "0.35", "--backend", "identity") == 0
    )
    assert len(decoded(out)) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("none.mp4", "out.mp4"), 3, "no such file"),
        (("text.mp4", "out.mp4"), 3, "cannot be read as a video"),
        (("in.mp4", "in.mp4"), 2, "is the input itself"),
        (("in.mp4", "there.mp4"), 4, "--overwrite"),
        (("in.mp4", "none/out.mp4"), 4, "does not exist"),
        (("in.mp4", "out.xyz"), 4, "unknown extension"),
        (("in.mp4", "out.mp4", "--style", "stary-nigt"), 6, "did you mean: starry-night"),
        (("in.mp4", "out.mp4", "--style", "none.style"), 6, "no such style file"),
        (("in.mp4", "out.mp4", "--start", "9"), 2, "past the end"),
        (("in.mp4", "out.mp4", "--start", "soon"), 2, "no time"),
        (("in.mp4", "out.mp4", "--mix", "scream"), 2, "NAME:SHARE"),
        (("in.mp4", "out.mp4", "--mix", "scream:0"), 2, "share above 0"),
        (("in.mp4", "out.mp4", "--mix", "a:1", "--style", "b"), 2, "exclude"),
        (("in.mp4", "out.mp4", "--strength", "1.5"), 2, "between 0 and 1"),
        (("in.mp4", "out.mp4", "--size", "3"), 2, "between 64 and"),
        (("in.mp4", "out.mp4", "--backend", "magic"), 2, "unknown backend"),
        (("in.mp4", "out.mp4", "--generator", "none"), 6, "no generator called"),
        (("in.mp4", "out.mp4", "--generator", "text.onnx"), 6, "damaged"),
        (("in.mp4", "out.mp4", "--codec", "magic"), 4, "unknown encoder"),
    ],
)
def test_bad_input_is_three_lines_and_writes_nothing(
    rtstyle: Run,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.mp4").write_text("no film\n" * 100)
    Path("text.onnx").write_text("no graph\n" * 100)
    Path("there.mp4").write_text("mine")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert rtstyle("video", *arguments) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ")
    assert "Traceback" not in error
    assert len(error.strip().splitlines()) <= 3
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_damaged_input_ends_with_7_and_a_partial_file(
    rtstyle: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = make_clip(tmp_path / "whole.mkv", Clip(num_frames=50))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    out = tmp_path / "out.mp4"
    assert rtstyle("video", cut, out, "--backend", "identity") == 7
    assert not out.exists()
    assert 0 < len(decoded(tmp_path / "out.partial.mp4")) < 50
    assert "damaged or incomplete" in capsys.readouterr().err


def test_image_paints_a_picture_and_a_folder(rtstyle: Run, photo: Path, tmp_path: Path) -> None:
    assert rtstyle("image", photo, tmp_path / "a.jpg", "--style", "udnie") == 0
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.size == (160, 120)
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("one.png", "two.png"):
        (folder / name).write_bytes(photo.read_bytes())
    assert rtstyle("image", folder, tmp_path / "painted") == 0
    assert sorted(p.name for p in (tmp_path / "painted").iterdir()) == ["one.png", "two.png"]


def test_a_picture_painted_into_a_folder_is_named(
    rtstyle: Run, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "painted").mkdir()
    assert rtstyle("image", photo, tmp_path / "painted", "--backend", "identity") == 0
    assert str(tmp_path / "painted" / "photo.png") in capsys.readouterr().err


def test_style_auto_goes_by_the_content_and_says_so(
    rtstyle: Run, photo: Path, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rtstyle("styles", "--like", photo, "--json") == 0
    liked = json.loads(capsys.readouterr().out)["styles"]
    assert sum(each["score"] for each in liked) == pytest.approx(1, abs=0.01)
    assert rtstyle("styles", "--like", photo) == 0
    assert liked[0]["name"] in capsys.readouterr().out.splitlines()[0]
    assert rtstyle("image", photo, tmp_path / "auto.png", "--style", "auto", "--json") == 0
    said = capsys.readouterr()
    assert f"photo.png: style {liked[0]['name']}" in said.err
    assert json.loads(said.out)["style"] == {liked[0]["name"]: 1.0}
    assert rtstyle("image", photo, tmp_path / "named.png", "--style", liked[0]["name"]) == 0
    painted = [np.array(Image.open(tmp_path / name)) for name in ("auto.png", "named.png")]
    np.testing.assert_array_equal(painted[0], painted[1])
    capsys.readouterr()
    assert rtstyle("video", clip, tmp_path / "out.mp4", "--style", "auto", "--json") == 0
    said = capsys.readouterr()
    assert f"style {next(iter(json.loads(said.out)['style']))}, by its content" in said.err
    assert rtstyle("image", photo, tmp_path / "no.png", "--mix", "auto:1,scream:1") == 2


def test_image_paints_only_faces_and_each_picture_of_a_folder_for_itself(
    rtstyle: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, alone = tmp_path / "folder", tmp_path / "alone.png"
    folder.mkdir()
    with Image.open(Path(__file__).parent.parent / "rtstyle/photos/astronaut.jpg") as image:
        image.save(folder / "2.png")
        Image.new("RGB", image.size, "gray").save(folder / "1.png")
    arguments = ("--region", "face", "--style", "scream")
    assert rtstyle("image", folder / "2.png", alone, *arguments) == 0
    before, after = (np.array(Image.open(path)).astype(int) for path in (folder / "2.png", alone))
    change = np.abs(after - before).max(axis=2)
    height, width = change.shape
    face = change[height // 10 : height // 2, width // 3 : 2 * width // 3]
    assert (face > 10).mean() > 0.2
    assert (change == 0).mean() > 0.6
    assert rtstyle("image", folder, tmp_path / "painted", *arguments) == 0
    np.testing.assert_array_equal(np.array(Image.open(tmp_path / "painted/2.png")), after)
    capsys.readouterr()
    assert rtstyle("image", folder / "1.png", tmp_path / "none.png", "--region", "person") == 0
    assert "nobody was found" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("none.png", "out.png"), 3),
        (("photo.png", "photo.png"), 2),
        (("photo.png", "out.gif"), 2),
        (("photo.png", "none/out.png"), 4),
        (("zbroken.png", "out.png"), 3),
        ((".", "out.png"), 2),
    ],
)
def test_image_refuses(
    rtstyle: Run,
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, str],
    code: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("zbroken.png").write_bytes(photo.read_bytes()[:200])
    assert rtstyle("image", *arguments) == code
    assert len(capsys.readouterr().err.strip().splitlines()) <= 3
    assert not Path("out.png").exists()


def test_styles_lists_and_renders_a_sheet(
    rtstyle: Run, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rtstyle("styles", "--json") == 0
    entries = json.loads(capsys.readouterr().out)["styles"]
    assert entries[0]["name"] == "original"
    assert len(entries) >= 9
    assert all(entry["licence"] for entry in entries[1:])
    assert rtstyle("styles") == 0
    listed = capsys.readouterr().out
    assert "starry-night" in listed
    assert listed.count("the picture as it is") == 1
    assert rtstyle("styles", "--sheet", photo, "-o", tmp_path / "sheet.png") == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 3 * 160
    two = ("styles", "--sheet", photo, "--sheet", photo, "--columns", "2", "--overwrite")
    assert rtstyle(*two, "-o", tmp_path / "sheet.jpg") == 0
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert sheet.height > 2 * sheet.width  # two squares in each of nine or more cells


def test_a_sheet_is_told_as_json(
    rtstyle: Run, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "sheet.png"
    assert rtstyle("styles", "--sheet", photo, "-o", sheet, "--backend", "identity", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts == {"schema": 1, "generator": "fast", "sheet": str(sheet)}


def test_a_generator_of_one_style_has_none_to_choose(
    rtstyle: Run, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rtstyle("styles", "--generator", "faces", "--like", photo) == 6
    assert "no style can be chosen by content" in capsys.readouterr().err


def test_a_name_that_the_system_refuses_is_an_error_of_the_output(
    rtstyle: Run, clip: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command, source, extension in (("video", clip, ".mp4"), ("image", photo, ".png")):
        for name in ("猫" * 83, "猫" * 90):
            output = tmp_path / f"{name}{extension}"
            assert rtstyle(command, source, output, "--backend", "identity", "--quiet") == 4
            told = capsys.readouterr().err.splitlines()
            assert len(told) == 3 and told[2] == "give a shorter name"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_stdout_is_an_error_of_the_output() -> None:
    command = [sys.executable, "-m", "rtstyle", "styles"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 4
    assert done.stderr.splitlines()[0] == "error: cannot write"


@pytest.mark.skipif(os.name != "posix", reason="needs a shell of POSIX")
def test_without_stderr_results_stay_alone_on_stdout(clip: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rtstyle", "video", clip, tmp_path / "out.mp4"]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" 2>&-', "sh", *command, "--backend", "identity", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["frames"] == 6


def test_an_internal_fault_is_told_without_a_traceback(
    rtstyle: Run,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*arguments: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("rtstyle.inference.identity.IdentityEngine.stylize", fail)
    assert rtstyle("video", clip, tmp_path / "out.mp4", "--backend", "identity") == 1
    assert "fault of rtstyle" in capsys.readouterr().err
    assert not list(tmp_path.glob("*out*"))


def test_version_and_help_run_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rtstyle", "--version"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert done.stdout.startswith("rtstyle ")


@pytest.mark.parametrize(
    ("text", "seconds"), [("83.5", 83.5), ("1:23.5", 83.5), ("01:00:02", 3602), (None, None)]
)
def test_parse_time(text: str | None, seconds: float | None) -> None:
    assert parse_time(text, "--start") == seconds


@pytest.mark.parametrize("text", ["", "-3", "a", "1:-1:0", "nan", "inf"])
def test_parse_time_refuses(text: str) -> None:
    with pytest.raises(UsageError):
        parse_time(text, "--end")


def test_parse_mix() -> None:
    assert parse_mix(None, "a:0.6, b:.4") == (("a", 0.6), ("b", 0.4))
    assert parse_mix("a", None) == (("a", 1.0),)
    assert parse_mix(None, None) is None


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("video", "pictures", "out.mp4"), 3, "rtstyle image"),
        (("video", "photo.png", "out.mp4"), 3, "rtstyle image"),
        (("video", "none.jpg", "out.mp4"), 3, "no such file"),
        (("video", "-", "out.mp4"), 3, "no such file: -"),
        (("video", "empty.mp4", "out.mp4"), 3, "it is empty"),
        (("video", "text.mp4", "out.mp4"), 3, "no video file"),
        (("video", "photo.mp4", "out.mp4"), 3, "no video file"),
        (("video", "ftp://host/in.mp4", "out.mp4"), 3, "addresses begin with http://"),
        (("video", "file:///etc/passwd", "out.mp4"), 3, "addresses begin with http://"),
        (("video", "in.mp4", "-"), 4, "cannot tell the video format"),
        (("video", "in.mp4", "pictures"), 4, "cannot tell the video format"),
        (("video", "in.mp4", "nowhere/out.mp4"), 4, "does not exist"),
        (("video", "in.mp4", "in.mp4", "--overwrite"), 2, "the input itself"),
        (("video", "in.mp4", "out.mp4", "--crf", "900"), 2, "--crf must lie between"),
        (("video", "in.mp4", "out.mp4", "--preset", "warp"), 4, "--preset warp"),
        (("video", "in.mp4", "out.mp4", "--generator", "none.onnx"), 6, "no such generator: none"),
        (("video", "in.mp4", "out.mp4", "--hwaccel", "vulkan"), 2, "none, auto, cuda"),
        (("image", "in.mp4", "out.png"), 3, "rtstyle video"),
        (("image", "empty.mp4", "out.png"), 3, "it is empty"),
        (("image", "photo.png", "-"), 2, "unknown kind of picture"),
        *(
            (("image", "photo.png", "out.png", "--face-detail", *more), 2, " ".join(more))
            for more in (("--region", "background"), ("--strength", "0"), ("--face-strength", "0"))
        ),
    ],
)
def test_wrong_inputs_are_told_in_three_lines(
    rtstyle: Run,
    clip: Path,
    photo: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    folder = clip.parent
    (folder / "pictures").mkdir()
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("not a film\n")
    (folder / "photo.mp4").write_bytes(photo.read_bytes())
    monkeypatch.chdir(folder)
    before = sorted(folder.rglob("*"))
    assert rtstyle(*arguments) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = printed.err.splitlines()
    assert words in printed.err and lines[0].startswith("error: ") and len(lines) <= 3
    assert sorted(folder.rglob("*")) == before, "something was left behind"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_refused_and_not_waited_for(
    rtstyle: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "in.mkv")
    assert rtstyle("video", tmp_path / "in.mkv", tmp_path / "out.mp4") == 3
    assert "save it as a file" in capsys.readouterr().err


def test_names_with_spaces_and_of_all_alphabets(rtstyle: Run, clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a b ü"
    folder.mkdir()
    source, output = folder / "-clip ñ 猫.mp4", folder / "öut put.mp4"
    clip.rename(source)
    assert rtstyle("video", "--size", "64", "--quiet", "--", source, output) == 0
    assert len(decoded(output)) == 6


def test_one_damaged_picture_does_not_cost_the_others(
    rtstyle: Run, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, painted = tmp_path / "photos", tmp_path / "painted"
    folder.mkdir()
    for name in ("b.png", "d.png"):
        (folder / name).write_bytes(photo.read_bytes())
    for name in ("a.png", "c.png"):
        (folder / name).write_bytes(photo.read_bytes()[:200])
    assert rtstyle("image", folder, painted, "--json", "--style", "udnie") == 7
    printed = capsys.readouterr()
    assert "2 of 4 pictures cannot be read: a.png, c.png" in printed.err
    assert sorted(path.name for path in painted.iterdir()) == ["b.png", "d.png"]
    assert json.loads(printed.out)["outputs"] == [
        str(painted / name) for name in ("b.png", "d.png")
    ]
    (folder / "b.png").unlink()
    (folder / "d.png").unlink()
    assert rtstyle("image", folder, painted) == 3


def test_a_folder_that_cannot_be_made_is_an_error_of_the_output(
    rtstyle: Run, photo: Path, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(photo.read_bytes())
    (tmp_path / "file").touch()
    assert rtstyle("image", tmp_path / "photos", tmp_path / "file") == 4
    assert rtstyle("image", tmp_path / "photos", tmp_path / "file" / "folder") == 4


def test_a_folder_may_have_a_dot_in_its_name(rtstyle: Run, photo: Path, tmp_path: Path) -> None:
    assert rtstyle("image", photo.parent, tmp_path / "2026.05 painted", "--quiet") == 0
    assert (tmp_path / "2026.05 painted" / "photo.png").exists()


def test_batch_tells_of_each_file_what_video_tells(
    rtstyle: Run, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["batch", clip, "--region", "face", "--backend", "identity", "--overwrite"]
    assert rtstyle(*arguments, "--out", tmp_path / "out", "--json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["files"][0]["notes"] == ["no face was found"]
    assert "note: no face was found" in said.err and "1 done" in said.err
    assert rtstyle(*arguments, "--out", tmp_path / "out", "--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_batch_passes_warnings_on(
    rtstyle: Run,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text("import sys; print('!', file=sys.stderr)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    arguments = ["--backend", "identity", "--quiet"]
    assert rtstyle("batch", clip, "--out", tmp_path / "out", *arguments) == 0
    assert capsys.readouterr().err == f"{clip.name}: !\n"


def test_batch_takes_no_module_from_the_folder_it_is_called_in(
    rtstyle: Run, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("typer.py").write_text("raise SystemExit('taken')")
    assert rtstyle("batch", clip.name, "--out", "out", "--backend", "identity") == 0


def test_batch_works_in_a_checkout_that_was_never_installed(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        f"import sys; sys.path = [each for each in sys.path if each != {str(ROOT)!r}]"
    )
    result = subprocess.run(
        [
            *(sys.executable, "-m", "rtstyle", "batch", str(clip), "--backend", "identity"),
            *("--quiet", "--out", str(tmp_path / "out")),
        ],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "out" / clip.name).is_file()


def test_batch_of_a_folder_with_nothing_but_hidden_files_is_an_error(
    rtstyle: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "._clip.mp4").write_text("")
    (tmp_path / "folder.mp4").mkdir()
    assert rtstyle("batch", tmp_path, "--out", tmp_path / "out") == 3
    assert "holds no video" in capsys.readouterr().err
