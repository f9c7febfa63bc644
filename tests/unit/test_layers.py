"""The shape of the code, drawn by tests: who imports whom, how long functions are, what the daemon loads."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "daemon" / "scanmend"
LAYERS = [
    {"jsonable"},
    {"__init__", "values", "errors", "shipped"},
    {
        "states",
        "schema",
        "serve",
        "keys",
        "events",
        "intake",
        "config",
        "lock",
        "retry",
        "durable",
        "mounts",
        "complete",
        "settle",
        "schedule",
        "tokens",
        "commas",
        "align",
        "confusions",
        "lexicon",
        "lookalikes",
        "sight",
        "evidence",
        "gpu",
        "notify",
        "pulse",
        "metrics",
        "notes",
        "listing",
        "sandbox",
    },
    {
        "log",
        "profiles",
        "journal",
        "child",
        "gate",
        "suspects",
        "hyphens",
        "sidecar",
        "inbox",
        "parts",
        "lease",
        "engines",
        "model",
        "modelfiles",
        "download",
        "review",
        "terminal",
    },
    {"watch", "claim", "read", "correct", "publish"},
    {"line", "failed", "status", "web", "hooks"},
    {"daemon", "oneshot", "doctor", "models", "texts", "install"},
    {"cli"},
    {"__main__"},
]
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


def _layer(module: str) -> int:
    return next(i for i, names in enumerate(LAYERS) if module in names)


def _imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("scanmend"):
            rest = node.module.split(".")[1:]
            found |= {rest[0]} if rest else {a.name for a in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("scanmend.")}
    return {name for name in found if not name.startswith("__")}


@pytest.mark.parametrize("file", sorted(PACKAGE.glob("*.py")), ids=lambda f: f.stem)
def test_imports_go_down(file: Path) -> None:
    """A step knows no other step; nobody imports what only children run."""
    mine = _layer(file.stem)
    for name in _imports(file):
        assert name not in ("ocr", "llm")
        other = _layer(name)
        assert other < mine or (other == mine and mine in (2, 3, 5)), f"{file.stem} imports {name}"


@pytest.mark.parametrize("folder", ["ocr", "llm"])
def test_children_import_only_values_and_their_own(folder: str) -> None:
    # what words there are, how they are misread, what the engine saw, what speaks for another, how two texts differ
    of_words = {"lexicon", "lookalikes", "sight", "evidence", "align"}
    knows = {"llm": of_words, "ocr": {"complete"}}[folder]  # what is a PDF
    shared = {"values", "errors", "serve", "log", "notes"}
    for file in (PACKAGE / folder).rglob("*.py"):
        assert _imports(file) <= shared | knows | {folder}, file.name


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
    code = "import sys, scanmend.daemon, scanmend.status; print(*sys.modules)"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout

    assert set() == HEAVY & set(out.split())


def test_status_loads_no_logging(tmp_path: Path) -> None:
    """Half of the time of its answer; with it, asyncio and ssl."""
    config = tmp_path / "scanmend.yaml"
    config.write_text("base: .\n")
    code = f"import sys, scanmend.cli as c; c.main(['--config', {str(config)!r}, 'status']); print(*sys.modules)"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout

    assert "scanmend.status" in out.split()
    assert set() == {"structlog", "asyncio", "ssl", "subprocess"} & set(out.split())


def test_daemon_is_no_package() -> None:
    """An ``__init__.py`` in daemon/ would shadow python-daemon."""
    assert not (ROOT / "daemon" / "__init__.py").exists()
