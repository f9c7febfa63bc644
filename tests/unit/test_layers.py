"""Test the architecture: allowed imports, no cycle, short functions and files, and the libraries that the daemon loads."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "daemon" / "scanmend"
# The packages that a package may import. Itself and the core (the modules outside packages) are always allowed.
ALLOWED_IMPORTS = {
    "core": "",
    "config": "correction",
    "workers": "",
    "correction": "",
    "telemetry": "config",
    "store": "config",
    "formats": "store",
    "backends": "config telemetry workers",
    "service": "config telemetry store",
    "intake": "config telemetry store",
    "pipeline": "config telemetry store workers correction formats backends service intake",
    "cli": "config telemetry store workers correction formats backends service intake pipeline",
    # these two packages run in child processes
    "ocr": "workers.protocol workers.server",
    "llm": "workers.protocol workers.server correction",
}
# libraries that the daemon must not load: they belong to the child processes
CHILDREN_ONLY = {
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
# libraries that would double the time that `scanmend status` takes
NOT_FOR_STATUS = {"structlog", "asyncio", "ssl", "subprocess", "msgspec"}
MAX_FUNCTION_LINES = 50
MAX_FILE_LINES = 400

FILES = sorted(PACKAGE.rglob("*.py"))


def _module(file: Path) -> str:
    """Return a file's module inside scanmend, such as "store.journal"; a package is its ``__init__.py``."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module(file) for file in FILES}


def _package(module: str) -> str:
    """Return the top-level package of a module; modules outside packages are the core."""
    first = module.split(".", maxsplit=1)[0]
    return first if first and (PACKAGE / first).is_dir() else "core"


def _imports(file: Path) -> Iterator[str]:
    """Yield the modules of scanmend that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # either a module or something that a module defines
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            path = name.removeprefix("scanmend.")
            if path != name:
                yield path if path in MODULES else path.rpartition(".")[0]


IMPORTS = {_module(file): set(_imports(file)) - {""} for file in FILES}


@pytest.mark.parametrize("module", sorted(IMPORTS))
def test_a_module_imports_only_what_its_package_may(module: str) -> None:
    if module in ("", "__main__"):  # the version; the start of the command line
        return
    package = _package(module)
    allowed = {package, "core", *ALLOWED_IMPORTS[package].split()}

    assert {m for m in IMPORTS[module] if not {m, _package(m)} & allowed} == set()


def test_every_package_is_in_the_table() -> None:
    assert {_package(module) for module in MODULES} == set(ALLOWED_IMPORTS)


def test_the_table_has_no_cycle() -> None:
    assert (
        _cycle({name: {_package(m) for m in to.split()} for name, to in ALLOWED_IMPORTS.items()})
        == []
    )


def test_modules_have_no_import_cycle() -> None:
    assert _cycle(IMPORTS) == []


def _cycle(graph: dict[str, set[str]]) -> list[str]:
    """Return the nodes of one cycle, or an empty list; found by a depth-first search."""
    finished: set[str] = set()
    path: list[str] = []

    def visit(node: str) -> list[str]:
        if node in path:
            return path[path.index(node) :]
        if node in finished:
            return []
        path.append(node)
        for other in sorted(graph.get(node, ())):
            if found := visit(other):
                return found
        finished.add(path.pop())
        return []

    return next((found for node in sorted(graph) if (found := visit(node))), [])


def test_the_search_finds_a_cycle() -> None:
    assert _cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
    assert _cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize("file", FILES, ids=_module)
def test_files_and_functions_are_short(file: Path) -> None:
    text = file.read_text()
    functions = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef))
    lines = {f.name: (f.end_lineno or 0) - f.lineno + 1 for f in functions}

    assert text.count("\n") <= MAX_FILE_LINES
    assert {name: count for name, count in lines.items() if count > MAX_FUNCTION_LINES} == {}


def _named(node: ast.stmt) -> Iterator[str]:
    """Yield the class or the constants that a statement at the top of a module names, without ``_``; no type variables."""
    if isinstance(node, ast.ClassDef):
        yield node.name.lstrip("_")
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [t.id.lstrip("_") for t in targets if isinstance(t, ast.Name)]
        yield from (name for name in names if name.isupper() and len(name) > 1)


def test_no_two_modules_give_one_name_to_a_class_or_constant() -> None:
    owners: dict[str, list[str]] = {}
    for file in FILES:
        for node in ast.parse(file.read_text()).body:
            for name in _named(node):
                owners.setdefault(name, []).append(_module(file))

    assert {name: files for name, files in owners.items() if len(files) > 1} == {}


def _loaded_by(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after running the code."""
    command = [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_the_daemon_loads_no_library_of_the_children() -> None:
    loaded = _loaded_by("import scanmend.pipeline.daemon, scanmend.service.status")

    assert CHILDREN_ONLY & loaded == set()


def test_status_loads_no_logging(tmp_path: Path) -> None:
    config = tmp_path / "scanmend.yaml"
    config.write_text("base: .\n")
    code = f"import scanmend.cli.main as c; c.main(['--config', {str(config)!r}, 'status'])"

    loaded = _loaded_by(code)

    assert "scanmend.service.status" in loaded
    assert NOT_FOR_STATUS & loaded == set()


def test_the_folder_daemon_is_not_a_package() -> None:
    """Guard against an ``__init__.py`` in daemon/, which would shadow python-daemon."""
    assert not (ROOT / "daemon" / "__init__.py").exists()
