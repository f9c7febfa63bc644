"""Write the generated parts of docs/: they come from the code, so they can't drift from it.

    .venv/bin/python docs/generate.py            write them (`make docs` does it)
    .venv/bin/python docs/generate.py --check    only say which are out of date; exit code 1 if any is

A page has hand-written text around ``<!-- begin NAME -->`` and ``<!-- end NAME -->``; this program writes what is between.
tests/unit/docs/test_generated.py fails on a part that is out of date.
"""

import dataclasses
import importlib
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
from scanmend.config.settings import Settings  # noqa: E402

EXAMPLE = ROOT / "etc" / "scanmend.yaml"
SCHEMA = ROOT / "daemon" / "scanmend" / "formats" / "sidecar.schema.json"
CARD = ROOT / "models" / "README.md"


# configuration ------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Entry:
    """One key of etc/scanmend.yaml: its comment, and the default as written there ("" for a section)."""

    comment: str
    default: str


def example() -> dict[str, Entry]:
    """Return the keys of etc/scanmend.yaml by their full name, in order."""
    entries: dict[str, Entry] = {}
    section = ""
    comment: list[str] = []
    for line in EXAMPLE.read_text("utf-8").splitlines():
        if not line.strip():
            comment = []
        elif line.lstrip().startswith("#"):
            comment.append(line.lstrip()[1:])
        else:
            indent, name, value, trailing = _key(line)
            if not indent:
                section = name
            full = f"{section}.{name}" if indent else name
            said = "\n".join(part[1:] if part[:1] == " " else part for part in comment)
            entries[full] = Entry("\n".join(filter(None, [said, trailing])), value)
            comment = []
    return entries


def _key(line: str) -> tuple[bool, str, str, str]:
    """Split "  name: value  # comment" into whether it is indented, name, value and comment."""
    match = re.fullmatch(r"( *)(\w+):(?: +([^#]*?))?(?: *# *(.*))?", line)
    assert match, f"{EXAMPLE.name}: {line}"
    return bool(match[1]), match[2], match[3] or "", match[4] or ""


def configuration() -> str:
    """Return every key with its default, its allowed values and its meaning."""
    written = example()
    parts: list[str] = []
    plain = [f for f in _fields(Settings) if not dataclasses.is_dataclass(f.type)]
    parts += ["## General", ""]
    for found in plain:
        parts += _setting(found.name, found, written)
    for section in (f for f in _fields(Settings) if dataclasses.is_dataclass(f.type)):
        parts += [f"## {section.name}", ""]
        intro = _restart_apart(written[section.name].comment)[0]
        parts += [_sentence(intro.removeprefix("all:")), ""] if intro not in ("", "all:") else []
        for found in _fields(section.type):
            parts += _setting(f"{section.name}.{found.name}", found, written)
    return "\n".join(parts)


def _fields(cls: Any) -> list[dataclasses.Field[Any]]:
    return [f for f in dataclasses.fields(cls) if not f.metadata.get("internal")]


def _setting(name: str, found: dataclasses.Field[Any], written: Mapping[str, Entry]) -> list[str]:
    entry = written[name]
    comment, restart = _restart_apart(entry.comment)
    reloads = found.metadata["reload"]
    assert (
        reloads or restart or _restart_apart(written[name.split(".", maxsplit=1)[0]].comment)[1]
    ), f"{EXAMPLE.name}: the comment of {name} must say that it needs a restart"
    facts = [f"Default: `{entry.default}`", f"it must be {allowed(found.metadata['parse'])}"]
    facts.append("SIGHUP reloads it" if reloads else "**a change needs a restart**")
    return [f"### `{name}`", "", "; ".join(facts) + ".", "", _sentence(comment), ""]


def _restart_apart(comment: str) -> tuple[str, bool]:
    """Return the comment without its note about a restart, and whether there was one."""
    found = re.sub(r"\s*\b[Rr]estart\.?$", "", comment)
    return found, found != comment


def _sentence(comment: str) -> str:
    """Return a comment as a paragraph of Markdown; its indented lines become a list."""
    escaped = re.sub(r"[<*]", r"\\\g<0>", comment).split("\n")
    lines = [f"\n- `{x.strip()}`" if x.startswith("  ") else x for x in escaped]
    text = re.sub(r" {2,}", " ", "\n".join(lines).strip())
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "`")) else ".")


def allowed(parse: Callable[[Any], Any]) -> str:
    """Return what a parser allows, in its own words: those of its complaint about a value that nothing allows."""
    said = []
    for wrong in (object(), "0ms", "0B", -1):
        try:
            parse(wrong)
        except ValueError as error:
            said.append(re.sub(r" \(did you mean.*\)$", "", str(error)))
    low = next((s for s in said if s.startswith("at least")), "")
    return said[0] + (f", {low.split(' (')[0]} s" if low and "ms" in said[0] else "")


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
        if key not in node.get("required", ()):
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
