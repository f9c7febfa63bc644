"""scanmend.yaml -> Settings: typed, checked, every complaint with file, line, key, value and remedy.

Each field of a section carries its parser; the walk over the YAML nodes knows nothing of single keys.
"""

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from scanmend.config.parsers import (
    TIME,
    Parser,
    address,
    auto_or,
    choice,
    command,
    duration,
    engine_of,
    flag,
    languages_of,
    listen,
    mapping,
    nearest,
    optional,
    passwords,
    quantity,
    size_of,
    text,
    texts,
    whole,
)
from scanmend.errors import ConfigError

# libyaml's, where PyYAML has it: 15 times as fast, a tenth of what status takes
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

BUILTIN = "builtin"  # llm.model: the corrector that comes with scanmend
REFERENCE = "Qwen/Qwen2.5-3B-Instruct-GGUF"


def key(default: Any, parse: Parser, *, reload: bool = True) -> Any:
    """A field with its parser; ``default`` is written as in the YAML. ``reload``: SIGHUP can change it."""
    return field(
        default_factory=lambda: parse(default), metadata={"parse": parse, "reload": reload}
    )


@dataclass(frozen=True, slots=True)
class FoldersSettings:
    """Where documents come from and go to; absolute once loaded."""

    inbox: str = key("var/inbox", text, reload=False)
    outbox: str = key("var/outbox", text, reload=False)
    archive: str = key("var/archive", text, reload=False)
    failed: str = key("var/failed", text, reload=False)
    state: str = key("var/state", text, reload=False)


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How the inbox is watched; seconds."""

    method: str = key("auto", choice("auto", "native", "polling"), reload=False)
    poll_interval: float = key("5s", quantity(TIME, "5s", low=0.2))
    reconcile_interval: float = key("5m", quantity(TIME, "5m", low=1))
    ignore: tuple[str, ...] = key([], texts)
    shared: bool | None = key("auto", auto_or(flag), reload=False)
    lease: float = key("5m", quantity(TIME, "5m", low=1), reload=False)


@dataclass(frozen=True, slots=True)
class SettleSettings:
    """When a file counts as whole; seconds."""

    quiet: float = key("2s", quantity(TIME, "2s", low=0.1))
    doubtful: float = key("2m", duration)
    patience: float = key("24h", quantity(TIME, "24h", low=1))


@dataclass(frozen=True, slots=True)
class OcrSettings:
    """The OCR children; seconds, bytes. ``workers`` None: one for each core."""

    engine: str = key("auto", engine_of)
    languages: tuple[str, ...] = key(["en"], languages_of)
    workers: int | None = key("auto", auto_or(whole(1, 256)), reload=False)
    dpi: int = key(300, whole(50, 1200))
    rotate: bool = key(True, flag)
    idle_unload: float = key("1m", duration)
    page_timeout: float = key("3m", quantity(TIME, "3m", low=1))
    memory: float = key("4GiB", size_of)
    attempts: int = key(3, whole(1, 100))


@dataclass(frozen=True, slots=True)
class AsposeSettings:
    """The AsposeSettings.OCR engine: its licence, and where its OpenSSL 1.1 lies when the system has none."""

    licence: str | None = key(None, optional)
    allow_evaluation: bool = key(False, flag)
    library_path: str | None = key(None, optional)


@dataclass(frozen=True, slots=True)
class PdfSettings:
    """How PDFs are read."""

    text: str = key("auto", choice("auto", "always_ocr", "trust"))
    attachments: str = key("warn", choice("warn", "extract"))
    passwords: tuple[str, ...] = key([], passwords)


@dataclass(frozen=True, slots=True)
class LimitsSettings:
    """What a document may cost; bytes, pages, pixels."""

    file_size: float = key("2GB", size_of)
    pages: int = key(10_000, whole(1, 1_000_000))
    pixels: int = key(200_000_000, whole(10_000, 10_000_000_000))


@dataclass(frozen=True, slots=True)
class LlmSettings:
    """The corrector; seconds, bytes. ``gpu_layers`` None: as many as fit.

    ``model`` None: a .gguf that lies in the models' folder, else the built-in one; but "auto" where a server or a
    repository is named.
    """

    enabled: bool = key(True, flag)
    backend: str = key("local", choice("local", "openai"))
    base_url: str = key("http://127.0.0.1:8080/v1", text)
    api_key_file: str | None = key(None, optional)
    model: str | None = key(None, optional)
    repo_id: str | None = key(None, optional)
    quantization: str = key("int8", text)
    auto_download: bool = key(True, flag)
    gpu_layers: int | None = key("auto", auto_or(whole(0, 10_000)))
    context: int = key(8192, whole(512, 1_000_000))
    threads: int | None = key("auto", auto_or(whole(1, 1024)))
    idle_unload: float = key("5m", duration)
    load_timeout: float = key("5m", quantity(TIME, "5m", low=1))
    page_timeout: float = key("5m", quantity(TIME, "5m", low=1))
    memory: float = key("32GiB", size_of)
    on_unavailable: str = key("publish", choice("publish", "wait"))

    @property
    def repository(self) -> str:
        """On the Hub, of the model that is downloaded."""
        return self.repo_id or REFERENCE

    @property
    def wanted(self) -> str | None:
        """``model``, where it is not named what follows from what else is."""
        if self.backend == "openai":
            return "auto" if self.model in (None, BUILTIN) else self.model
        return "auto" if self.model is None and self.repo_id else self.model


@dataclass(frozen=True, slots=True)
class ModelsSettings:
    """Where the GGUF files are; None: ``models`` in the state folder."""

    directory: str | None = key(None, optional)


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """How long the journal remembers documents that are done; seconds. Hooks are tried for a day."""

    keep: float = key("365d", quantity(TIME, "365d", low=2 * TIME["d"]))


@dataclass(frozen=True, slots=True)
class ProfilesSettings:
    """Which prompt and rules go with which sub-folder of the inbox."""

    directory: str = key("profiles", text)
    default: str = key("default", text)
    folders: dict[str, str] = key({}, mapping)


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is logged, and how."""

    format: str = key("auto", choice("auto", "human", "json", "journal"))
    level: str = key("info", choice("debug", "info", "warning", "error"))


@dataclass(frozen=True, slots=True)
class HooksSettings:
    """Who is told of documents and alarms; commands as lists of arguments, seconds."""

    on_published: tuple[str, ...] = key([], command, reload=False)
    on_failure: tuple[str, ...] = key([], command, reload=False)
    on_alarm: tuple[str, ...] = key([], command, reload=False)
    webhook: str | None = key(None, address, reload=False)
    timeout: float = key("1m", quantity(TIME, "1m", low=1), reload=False)


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Where metrics and health are told; None: nowhere."""

    listen: str | None = key(None, listen, reload=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration; ``file`` is where it was read from."""

    file: str = field(default="", metadata={"internal": True})
    base: str = key(".", text, reload=False)
    folders: FoldersSettings = field(default_factory=FoldersSettings)
    originals: str = key("archive", choice("archive", "keep", "delete"))
    grace: float = key("20s", duration)
    watch: WatchSettings = field(default_factory=WatchSettings)
    settle: SettleSettings = field(default_factory=SettleSettings)
    ocr: OcrSettings = field(default_factory=OcrSettings)
    aspose: AsposeSettings = field(default_factory=AsposeSettings)
    pdf: PdfSettings = field(default_factory=PdfSettings)
    limits: LimitsSettings = field(default_factory=LimitsSettings)
    llm: LlmSettings = field(default_factory=LlmSettings)
    models: ModelsSettings = field(default_factory=ModelsSettings)
    profiles: ProfilesSettings = field(default_factory=ProfilesSettings)
    journal: JournalSettings = field(default_factory=JournalSettings)
    log: LogSettings = field(default_factory=LogSettings)
    hooks: HooksSettings = field(default_factory=HooksSettings)
    web: WebSettings = field(default_factory=WebSettings)


def load_settings(path: str) -> Settings:
    """Read and check the file; ConfigError lists every mistake, not only the first."""
    settings = _absolute(dataclasses.replace(read(path, Settings), file=os.path.abspath(path)))
    _check_folders(settings, os.path.normpath)
    return settings


def check_links(settings: Settings) -> None:
    """That no link makes two folders one. Touches the folders, which may hang: ``load`` must not, status uses it."""
    _check_folders(settings, os.path.realpath)


def _check_folders(settings: Settings, real: Callable[[str], str]) -> None:
    mistakes = [f"{settings.file}: {m}" for m in _folder_mistakes(settings.folders, real)]
    if mistakes:
        raise ConfigError("\n".join(mistakes))


def read(path: str, cls: Any) -> Any:
    """A YAML file as the dataclass ``cls``, whose fields were made by ``key``."""
    try:
        with open(path, encoding="utf-8") as file:
            node = yaml.compose(file, Loader=_LOADER)
    except OSError as error:
        raise ConfigError(
            f"{path}: can't be read: {error.strerror}; name another with --config"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not YAML: {error}") from None
    mistakes: list[str] = []
    value = _section(cls, node, path, "", mistakes)
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return value


def _section(cls: Any, node: Any, path: str, prefix: str, mistakes: list[str]) -> Any:
    """One mapping node as the dataclass ``cls``; mistakes are collected."""
    if node is None or (isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")):
        return cls()
    if not isinstance(node, yaml.MappingNode):
        mistakes.append(
            f"{_at(path, node)}: {prefix.rstrip('.') or 'the file'}: must be keys with values"
        )
        return cls()
    known = {f.name: f for f in dataclasses.fields(cls) if not f.metadata.get("internal")}
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        name = str(key_node.value)
        where = f"{_at(path, key_node)}: {prefix}{name}"
        if name not in known:
            near = nearest(name, known, 0.5)
            hint = f"did you mean {prefix}{near}?" if near else "known here: " + ", ".join(known)
            mistakes.append(f"{where}: unknown key; {hint}")
        elif name in values:
            mistakes.append(f"{where}: given twice; keep one")
        elif dataclasses.is_dataclass(known[name].type):
            values[name] = _section(
                known[name].type, value_node, path, f"{prefix}{name}.", mistakes
            )
        else:
            _value(known[name], value_node, where, values, mistakes)
    return cls(**values)


def _value(key: Any, node: Any, where: str, values: dict[str, Any], mistakes: list[str]) -> None:
    loader = yaml.SafeLoader("")
    try:
        given = loader.construct_object(node, deep=True)
        values[key.name] = key.metadata["parse"](given)
    except ValueError as error:
        shown = "this" if key.name == "passwords" else repr(given)  # the log is for more eyes
        mistakes.append(f"{where}: {shown} is not allowed; it must be {error}")
    except yaml.YAMLError as error:
        mistakes.append(f"{where}: {error}")


def _at(path: str, node: Any) -> str:
    return f"{path}:{node.start_mark.line + 1}"


def _absolute(settings: Settings) -> Settings:
    """Relative paths count from ``base``, which counts from the file's own folder; profiles from the file."""
    home = os.path.dirname(settings.file)
    base = os.path.normpath(os.path.join(home, settings.base))

    def at(path: str) -> str:
        return os.path.normpath(os.path.join(base, os.path.expanduser(path)))

    folders = FoldersSettings(
        **{
            f.name: at(getattr(settings.folders, f.name))
            for f in dataclasses.fields(FoldersSettings)
        }
    )
    models = settings.models.directory
    licence, library = settings.aspose.licence, settings.aspose.library_path
    return dataclasses.replace(
        settings,
        base=base,
        folders=folders,
        llm=dataclasses.replace(
            settings.llm,
            api_key_file=at(settings.llm.api_key_file) if settings.llm.api_key_file else None,
        ),
        models=ModelsSettings(at(models) if models else os.path.join(folders.state, "models")),
        aspose=dataclasses.replace(
            settings.aspose,
            licence=at(licence) if licence else None,
            library_path=at(library) if library else None,
        ),
        profiles=dataclasses.replace(
            settings.profiles, directory=os.path.join(home, settings.profiles.directory)
        ),
    )


def _folder_mistakes(folders: FoldersSettings, of: Callable[[str], str]) -> list[str]:
    """No folder of ours may lie in the inbox (it would feed itself), nor be another one of them."""
    real = {f.name: of(getattr(folders, f.name)) for f in dataclasses.fields(FoldersSettings)}
    inbox = real.pop("inbox")
    mistakes = []
    for name, path in real.items():
        if os.path.commonpath([inbox, path]) == inbox:
            mistakes.append(
                f"folders.{name}: {path} lies in the inbox {inbox}; put it beside the inbox"
            )
    if os.path.commonpath([inbox, real["state"]]) == real["state"]:
        mistakes.append(
            f"folders.state: {real['state']} holds the inbox; give the state its own folder"
        )
    names = list(real)
    mistakes += [
        f"folders.{other}: the same folder as folders.{name}; use another"
        for i, name in enumerate(names)
        for other in names[i + 1 :]
        if real[name] == real[other]
    ]
    return mistakes


def unreloadable(old: Settings, new: Settings) -> list[str]:
    """The keys that differ but can't change while the daemon runs."""
    return [
        f"{prefix}{f.name}"
        for prefix, before, after in (
            ("", old, new),
            *((f"{f.name}.", getattr(old, f.name), getattr(new, f.name)) for f in _sections()),
        )
        for f in dataclasses.fields(before)
        if f.metadata.get("reload") is False and getattr(before, f.name) != getattr(after, f.name)
    ]


def _sections() -> list[Any]:
    return [f for f in dataclasses.fields(Settings) if dataclasses.is_dataclass(f.type)]
