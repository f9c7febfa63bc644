"""Write the parts of docs/ that are generated from the code, so that they can't differ from it.

    .venv/bin/python docs/generate.py            write them (`make docs` does it)
    .venv/bin/python docs/generate.py --check    only name the outdated parts; exit code 1 if there are any

A page has hand-written text around ``<!-- begin NAME -->`` and ``<!-- end NAME -->``; this program writes the lines between.
tests/unit/docs/test_generated.py fails if a part is out of date.
"""

import importlib
import itertools
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(ROOT / "daemon"))

from scanmend import errors  # noqa: E402
from scanmend.config.reference import (  # noqa: E402
    KeyDescription,
    every_key,
    every_section,
)

SCHEMA = ROOT / "daemon" / "scanmend" / "formats" / "sidecar.schema.json"
CARD = ROOT / "models" / "README.md"


# configuration ------------------------------------------------------------------------------------


def configuration() -> str:
    """Return every key with its default, its allowed values and its meaning."""
    sections = {"": "", **dict(every_section())}
    parts: list[str] = []
    for section, keys in itertools.groupby(every_key(), key=lambda key: key.section):
        parts += [f"## {section or 'General'}", ""]
        if sections[section]:
            parts += [_sentence(sections[section]), ""]
        for key in keys:
            parts += _key(key)
    return "\n".join(parts)


def _key(key: KeyDescription) -> list[str]:
    effect = "SIGHUP reloads it" if key.reload else "**a change needs a restart**"
    facts = f"Default: `{key.default}`; it must be {key.allowed}; {effect}."
    # a description that begins with a value, such as "auto: ...", keeps its case
    begins_with_value = re.match(r"\w+[:,]", key.description)
    text = _markdown(key.description) if begins_with_value else _sentence(key.description)
    return [f"### `{key.path}`", "", facts, "", text, ""]


def _sentence(comment: str) -> str:
    """Return a comment as a paragraph of Markdown; its indented lines become a list."""
    text = _markdown(comment)
    return text[:1].upper() + text[1:]


def _markdown(comment: str) -> str:
    escaped = re.sub(r"[<*]", r"\\\g<0>", comment).split("\n")
    lines = [f"\n- `{x.strip()}`" if x.startswith("  ") else x for x in escaped]
    text = re.sub(r" {2,}", " ", "\n".join(lines).strip())
    return text if text.endswith((".", "`")) else f"{text}."


# sidecar ------------------------------------------------------------------------------------------


def sidecar() -> str:
    """Return every key of the sidecar, object by object."""
    schema = json.loads(SCHEMA.read_text("utf-8"))
    return "\n".join(_object("", schema, schema))


def _object(path: str, node: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    """Yield the table of one object, then those of the objects in it."""
    yield f"## `{path}`" if path else "## The document"
    yield ""
    if node.get("description"):
        yield _sentence(node["description"]) + "\n"
    yield "| key | type | meaning |"
    yield "| --- | --- | --- |"
    below = []
    for key, raw in node["properties"].items():
        value = _resolved(raw, schema)
        inner = _inner(value, schema)
        suffix = "[]" if value.get("type") == "array" else ""
        if inner and inner.get("properties"):
            below.append((f"{path}.{key}".lstrip(".") + suffix, inner))
        said = [raw.get("description") or value.get("description", "")]
        if key not in (*node.get("required", ()), *node.get("else", {}).get("required", ())):
            said.append("Optional.")
        yield f"| `{key}` | {_type(value, schema)} | {' '.join(map(_cell, filter(None, said)))} |"
    yield ""
    for name, inner in below:
        yield from _object(name, inner, schema)


def _resolved(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the node that a $ref points to, or the node itself."""
    if "$ref" not in node:
        return node
    target: dict[str, Any] = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return target


def _inner(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any] | None:
    """Return the object that a value is, may be, or has as items."""
    if node.get("type") == "array":
        return _inner(_resolved(node["items"], schema), schema)
    for option in node.get("oneOf", ()):
        found = _inner(_resolved(option, schema), schema)
        if found:
            return found
    return node if node.get("type") == "object" else None


def _type(node: dict[str, Any], schema: dict[str, Any]) -> str:
    if "enum" in node:
        return " or ".join(f"`{json.dumps(value)}`" for value in node["enum"])
    if "const" in node:
        return f"`{json.dumps(node['const'])}`"
    if "oneOf" in node:
        return " or ".join(_type(_resolved(option, schema), schema) for option in node["oneOf"])
    if node.get("type") == "array":
        return f"array of {_type(_resolved(node['items'], schema), schema)}"
    if isinstance(node.get("additionalProperties"), dict):
        return f"object of {_type(_resolved(node['additionalProperties'], schema), schema)}"
    kinds = node.get("type", "any")
    return " or ".join([kinds] if isinstance(kinds, str) else kinds)


def _cell(text: str) -> str:
    return _sentence(text.replace("|", "\\|").replace("\n", " "))


# errors -------------------------------------------------------------------------------------------

GROUPS = (
    (errors.DocumentError, "The file is at fault", "It goes to `failed/`, with a report `<name>.error.json` beside it. After a repair, `scanmend retry NAME` or a move back into the inbox tries it again."),
    (errors.ChildError, "A child process failed at a page", "Each failure costs the page one attempt. After `ocr.attempts` of them the document goes to `failed/` with the last error's code."),
    (errors.MachineError, "This machine can't do it now", "Nothing is lost and no attempt is counted: the work waits, and goes on by itself. `scanmend status` shows the reason."),
    (errors.ScanmendError, "The command or its configuration is wrong", "The command ends with this exit code; nothing was changed."),
)  # fmt: skip


def troubles() -> str:
    """Return every error by its code, grouped by whose fault it is."""
    parts: list[str] = []
    told: set[type] = {errors.ScanmendError}
    for root, title, follows in GROUPS:
        classes = [cls for cls in errors.every_class(root) if cls not in told]
        told |= set(classes)
        parts += [f"## {title}", "", follows, ""]
        for cls in classes:
            parts += [f"### `{cls.code}`", "", f"{cls.meaning} *(exit code {cls.exit_code})*", ""]
            parts += [f"**What to do:** {cls.advice}", ""]
    return "\n".join(parts)


# the rest -----------------------------------------------------------------------------------------


def policy() -> str | None:
    """Return the gate's rules as it tells them; None while it does not."""
    try:
        module = importlib.import_module("scanmend.correction.policy")
    except ModuleNotFoundError:
        return None
    text: str = module.markdown()
    return text


def model_card() -> str:
    """Return the model card, which lies beside the model, as a page of the site."""
    text = CARD.read_text("utf-8").split("\n", 1)[1].strip()
    assert not re.search(r"\]\((?!https?:)", text), (
        f"{CARD}: a relative link would break on the site"
    )
    return text


PARTS: Mapping[str, tuple[str, Callable[[], str | None]]] = {
    "configuration": ("reference/configuration.md", configuration),
    "sidecar": ("reference/sidecar.md", sidecar),
    "policy": ("reference/policy.md", policy),
    "errors": ("troubleshooting.md", troubles),
    "model-card": ("model-card.md", model_card),
}


def page(name: str) -> tuple[Path, str, str]:
    """Return a page's file, its text as it is, and as it should be."""
    file, make = PARTS[name]
    path = DOCS / file
    now = path.read_text("utf-8")
    made = make()
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    before, found, rest = now.partition(begin)
    assert found, f"{path}: no {begin}"
    assert end in rest, f"{path}: no {end}"
    after = rest.partition(end)[2]
    wanted = now if made is None else f"{before}{begin}\n\n{made.strip()}\n\n{end}{after}"
    return path, now, wanted


def main() -> int:
    """Write what is out of date, or with --check only name it."""
    check = "--check" in sys.argv[1:]
    stale = [(path, wanted) for path, now, wanted in map(page, PARTS) if now != wanted]
    for path, wanted in stale:
        print(
            f"{path.relative_to(ROOT)}: {'out of date; run docs/generate.py' if check else 'written'}"
        )
        if not check:
            path.write_text(wanted, "utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
