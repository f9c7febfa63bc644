"""The shape of the code, drawn by tests: who imports whom, how long functions are, what the daemon loads."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "daemon" / "scanmend"
# what a package may import besides itself and the modules at the root, which every process imports
ARROWS = {
    "core": set(),
    "config": {"correction"},
    "workers": set(),
    "correction": set(),
    "telemetry": {"config"},
    "store": {"config"},
    "formats": {"store"},
    "backends": {"config", "telemetry", "workers"},
    "service": {"config", "telemetry", "store"},
    "intake": {"config", "telemetry", "store"},
    "pipeline": {"config", "telemetry", "store", "workers", "correction", "formats", "backends", "service", "intake"},
    "cli": {"config", "telemetry", "store", "workers", "correction", "formats", "backends", "service", "intake", "pipeline"},
    "ocr": {"workers"},
    "llm": {"workers", "correction"},
}  # fmt: skip
# the only modules that a child's code may import of packages that the daemon has to itself
IN_CHILDREN = {
    "ocr": {"workers.protocol", "workers.server"},
    "llm": {"workers.protocol", "workers.server"},
}
HEAVY = {
    "rapidocr",
    "openvino",
    "aspose",
    "numpy",
    "PIL",
    "pypdfium2",
    "pikepdf",
    "llama_cpp",
    "huggingface_hub",
    "cv2",
    "gguf",
}
FUNCTION_LINES = 50


def _imports(file: Path) -> set[str]:
    """Return the modules of scanmend that ``file`` imports, as "store.journal" or "errors"."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("scanmend"):
            path = node.module.split(".")[1:]
            whole = len(path) < 2 and (not path or (PACKAGE / path[0]).is_dir())
            found |= {".".join([*path, a.name]) for a in node.names} if whole else {".".join(path)}
        elif isinstance(node, ast.Import):
            found |= {a.name[9:] for a in node.names if a.name.startswith("scanmend.")}
    return {name for name in found if not name.startswith("__")}


def _package(module: str) -> str:
    first = module.split(".", maxsplit=1)[0]
    return first if (PACKAGE / first).is_dir() else "core"


@pytest.mark.parametrize("package", sorted(ARROWS))
def test_packages_import_only_what_lies_below(package: str) -> None:
    files = PACKAGE.glob("*.py") if package == "core" else (PACKAGE / package).rglob("*.py")
    for file in files:
        if file.name == "__main__.py" and package == "core":
            continue
        for module in _imports(file):
            other = _package(module)
            assert other in ARROWS[package] | {package, "core"}, f"{file.name} imports {module}"
            if package in IN_CHILDREN and other not in {package, "core", "correction"}:
                assert module in IN_CHILDREN[package], f"{file.name} imports {module}"


def test_every_package_has_its_arrows() -> None:
    folders = {f.parent.relative_to(PACKAGE).parts[0] for f in PACKAGE.glob("*/*.py")}

    assert folders | {"core"} == set(ARROWS)


def test_functions_fit_a_screen() -> None:
    long = [
        f"{file.name}:{node.lineno} {node.name}: {node.end_lineno - node.lineno + 1}"
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef)
        and node.end_lineno
        and node.end_lineno - node.lineno >= FUNCTION_LINES
    ]

    assert long == []


def test_the_daemon_loads_nothing_heavy() -> None:
    code = "import sys, scanmend.pipeline.daemon, scanmend.service.status; print(*sys.modules)"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout

    assert set() == HEAVY & set(out.split())


def test_status_loads_no_logging(tmp_path: Path) -> None:
    """Half of the time of its answer; with it, asyncio and ssl."""
    config = tmp_path / "scanmend.yaml"
    config.write_text("base: .\n")
    code = f"import sys, scanmend.cli.main as c; c.main(['--config', {str(config)!r}, 'status']); print(*sys.modules)"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout

    assert "scanmend.service.status" in out.split()
    assert set() == {"structlog", "asyncio", "ssl", "subprocess", "msgspec"} & set(out.split())


def test_daemon_is_no_package() -> None:
    """An ``__init__.py`` in daemon/ would shadow python-daemon."""
    assert not (ROOT / "daemon" / "__init__.py").exists()
