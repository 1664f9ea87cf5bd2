"""The rules of DESIGN.md that can be read off the source: who imports whom, who may say what."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

VALUES = {
    "container", "controls", "cpu", "devices", "errors", "finding", "frame", "handoff", "machine",
    "shelf", "style",
}  # fmt: skip
"""What travels between stages, or what several of them must agree on."""

STAGES = {"capture", "composite", "face", "inference", "motion", "sink", "temporal"}

HEAVY = {
    "av", "cv2", "mediapipe", "numpy", "onnx", "onnxruntime", "openvino", "PIL", "PySide6",
    "pyvirtualcam", "rich.progress", "safetensors", "tensorrt", "torch", "torchvision",
}  # fmt: skip
"""Imported by no module of `rtstyle/cli/` on loading, nor on the path of `--help`."""

CUDA_MODULES = ("rtstyle/inference/tensorrt", "rtstyle/inference/nvidia", "rtstyle/inference/cuda")
CAMERA_MODULES = ("rtstyle/capture/camera",)
BGR_ROOMS = ("rtstyle/capture/", "rtstyle/sink/")

MAX_MODULE_LINES, MAX_FUNCTION_LINES, MAX_PARAMETERS = 300, 50, 6

OUR_ERRORS = {
    f"{kind}Error"
    for kind in ("Rtstyle", "Usage", "Source", "Sink", "Device", "Engine", "Style", "Train")
}

COMMAND_ROOMS = ("rtstyle/cli/", "train/cli/")
"""Where a function that typer calls may be long: one parameter, with its help, for each option."""

MANY_PARAMETERS = {("rtstyle/api.py", "stylize")}
"""The API in one call: its options are keyword-only, with defaults, and need no value to hold."""

FORBIDDEN_NAMES = {"utils.py", "helpers.py", "common.py", "misc.py", "manager.py", "core"}


@dataclass(frozen=True)
class Import:
    """`module` imports `target` at `line`; `is_lazy` inside a function, `is_typing` for types."""

    module: str
    target: str
    line: int
    is_lazy: bool
    is_typing: bool

    def __str__(self) -> str:
        return f"{self.module} line {self.line} imports {self.target}"


def sources(*rooms: str) -> list[Path]:
    return sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))


def name_of(path: Path) -> str:
    """Path from the root, as rules are written."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> frozenset[str]:
    return frozenset(dotted(path) for path in sources("rtstyle", "train"))


def imports_of(path: Path) -> list[Import]:
    return list(_walk_imports(path, tree_of(path), is_lazy=False, is_typing=False))


def _walk_imports(path: Path, node: ast.AST, *, is_lazy: bool, is_typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            for target in _targets(path, child):
                yield Import(name_of(path), target, child.lineno, is_lazy, is_typing)
        yield from _walk_imports(
            path,
            child,
            is_lazy=is_lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef),
            is_typing=is_typing
            or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)),
        )


def _targets(path: Path, node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    package = dotted(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    base = package[: len(package) - node.level + 1] if node.level else []
    start = ".".join([*base, *([node.module] if node.module else [])])
    full = [f"{start}.{alias.name}" for alias in node.names]
    return [name if name in modules() else start for name in full]


def room(module: str) -> str:
    """Second part of a dotted name in rtstyle: the stage, value or command's room."""
    return [*module.split("."), ""][1]


def all_imports(*rooms: str) -> list[Import]:
    return [found for path in sources(*rooms) for found in imports_of(path)]


def inside(path: str) -> str:
    return room(dotted(ROOT / path))


def is_of(target: str, packages: set[str]) -> bool:
    return any(target == name or target.startswith(name + ".") for name in packages)


def complain(broken: list[str]) -> None:
    assert not broken, "\n" + "\n".join(broken)


def test_the_rules_see_the_source() -> None:
    found = all_imports("rtstyle", "train")
    assert any(one.target == "rtstyle.frame" for one in found)
    assert any(one.target == "torch" for one in found)
    assert any(one.is_lazy for one in found) and any(one.is_typing for one in found)
    assert not VALUES - {inside(name_of(path)) for path in sources("rtstyle")}


def test_values_import_only_values() -> None:
    complain(
        [
            str(one)
            for one in all_imports("rtstyle")
            if inside(one.module) in VALUES
            and one.target.startswith("rtstyle.")
            and room(one.target) not in VALUES
        ]
    )


def test_stages_import_values_and_themselves_only() -> None:
    complain(
        [
            str(one)
            for one in all_imports("rtstyle")
            if inside(one.module) in STAGES
            and one.target.startswith("rtstyle.")
            and room(one.target) not in VALUES | {inside(one.module)}
        ]
    )


def test_nothing_but_the_entry_imports_the_command_line() -> None:
    complain(
        [
            str(one)
            for one in all_imports("rtstyle")
            if inside(one.module) not in ("cli", "__main__") and is_of(one.target, {"rtstyle.cli"})
        ]
    )


def test_rtstyle_imports_neither_train_nor_benchmarks() -> None:
    outside = {"train", "benchmarks", "engines", "tests"}
    complain([str(one) for one in all_imports("rtstyle") if is_of(one.target, outside)])


def test_train_is_relative_inside_so_that_it_works_within_the_wheel() -> None:
    def is_absolute(node: ast.AST) -> bool:
        if isinstance(node, ast.ImportFrom):
            return not node.level and is_of(node.module or "", {"train"})
        return isinstance(node, ast.Import) and any(
            is_of(alias.name, {"train"}) for alias in node.names
        )

    complain(
        [
            f"{name_of(path)} line {node.lineno}: {ast.unparse(node)}"
            for path in sources("train")
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.stmt) and is_absolute(node)
        ]
    )


def test_torch_stays_in_training_and_cuda_modules() -> None:
    complain(
        [
            str(one)
            for one in all_imports("rtstyle")
            if is_of(one.target, {"torch", "torchvision"})
            and not one.module.startswith(CUDA_MODULES)
        ]
    )


def test_no_import_cycles() -> None:
    edges: dict[str, set[str]] = {}
    for one in all_imports("rtstyle"):
        if not one.is_lazy and not one.is_typing:
            edges.setdefault(dotted(ROOT / one.module), set()).add(one.target)

    def walk(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join([*trail[trail.index(module) :], module])
        if module not in done:
            for target in edges.get(module, ()):
                # A module of a package may import names of the package itself, not it of them.
                if not module.startswith(target + "."):
                    walk(target, (*trail, module))
            done.add(module)

    done: set[str] = set()
    for module in edges:
        walk(module, ())


def test_commands_import_nothing_heavy_on_loading() -> None:
    complain(
        [
            str(one)
            for one in all_imports("rtstyle/cli")
            if not one.is_lazy and not one.is_typing and is_of(one.target, HEAVY)
        ]
    )


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['rtstyle', '--help']\n"
        "from rtstyle.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print('LOADED', *sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(result.stdout.split("LOADED", 1)[1].split())
    assert "typer" in loaded
    assert loaded & HEAVY == set()


def test_blue_first_pictures_stay_in_capture_and_sink() -> None:
    def is_bgr(node: ast.AST) -> bool:
        if isinstance(node, ast.Attribute):
            return "BGR" in node.attr
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value.lower().startswith("bgr")
        return False

    complain(
        [
            f"{name_of(path)} line {node.lineno}: {ast.unparse(node)}"
            for path in sources("rtstyle")
            if not name_of(path).startswith(BGR_ROOMS)
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.expr) and is_bgr(node)
        ]
    )


def test_opencv_opens_cameras_only() -> None:
    complain(
        [
            f"{name_of(path)} line {node.lineno}: {node.attr}"
            for path in sources("rtstyle", "train")
            if not name_of(path).startswith(CAMERA_MODULES)
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.Attribute) and node.attr in ("VideoCapture", "VideoWriter")
        ]
    )


def test_files_are_opened_with_a_format_whitelist() -> None:
    """`av.open` for reading without one reads playlists, which fetch other files and URLs."""

    def opens_unguarded(node: ast.AST) -> bool:
        if not isinstance(node, ast.Call) or ast.unparse(node.func) != "av.open":
            return False
        text = ast.unparse(node)
        writes = "'w'" in text
        return not writes and "options" not in text

    complain(
        [
            f"{name_of(path)} line {node.lineno}: {ast.unparse(node)}"
            for path in sources("rtstyle", "train")
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.Call) and opens_unguarded(node)
        ]
    )


def test_nothing_is_unpickled() -> None:
    def unpickles(node: ast.AST) -> bool:
        if isinstance(node, ast.Import | ast.ImportFrom):
            return "pickle" in ast.unparse(node)
        if not isinstance(node, ast.Call):
            return False
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        is_load = ast.unparse(node.func) == "torch.load"
        return is_load and keywords.get("weights_only") != "True"

    complain(
        [
            f"{name_of(path)} line {node.lineno}"
            for path in sources("rtstyle", "train")
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.stmt | ast.expr) and unpickles(node)
        ]
    )


def test_only_the_command_line_prints_or_exits() -> None:
    complain(
        [
            f"{name_of(path)} line {node.lineno}: {ast.unparse(node)[:60]}"
            for path in sources("rtstyle")
            if inside(name_of(path)) not in ("cli", "__main__")
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.Call)
            and ast.unparse(node.func) in ("print", "exit", "quit", "sys.exit", "os._exit")
        ]
    )


@pytest.mark.parametrize("path", sources("rtstyle", "train"), ids=name_of)
def test_messages_of_our_errors_are_given_line_by_line(path: Path) -> None:
    """`RtstyleError` makes one line of each of its parts: a line break in one is lost."""
    complain(
        [
            f"{name_of(path)} line {node.lineno}: {ast.unparse(node)[:60]}"
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.Call) and ast.unparse(node.func) in OUR_ERRORS
            for part in ast.walk(node)
            if isinstance(part, ast.Constant) and "\n" in str(part.value)
        ]
    )


@pytest.mark.parametrize("path", sources("rtstyle", "train", "benchmarks", "tests"), ids=name_of)
def test_sizes(path: Path) -> None:
    """A module that grows past the bounds holds two things; a long signature, an options value."""
    name = name_of(path)
    assert path.name not in FORBIDDEN_NAMES and not set(path.parts) & FORBIDDEN_NAMES
    if name.startswith("tests/"):
        return
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_MODULE_LINES
    complain([problem for node in ast.walk(tree_of(path)) for problem in _oversize(name, node)])


def _oversize(name: str, node: ast.AST) -> Iterator[str]:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    if name.startswith(COMMAND_ROOMS) and _is_command(node):
        return
    num_lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if num_lines > MAX_FUNCTION_LINES:
        yield f"{name} line {node.lineno}: {node.name} has {num_lines} lines"
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    num_parameters = sum(argument.arg not in ("self", "cls") for argument in arguments)
    if num_parameters > MAX_PARAMETERS and (name, node.name) not in MANY_PARAMETERS:
        yield f"{name} line {node.lineno}: {node.name} has {num_parameters} parameters"


def _is_command(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function is called by typer: its parameters are options."""
    signature = ast.unparse(node.args)
    return "typer." in signature or "Option" in signature
