"""Define the settings: one class for each section of ``scanmend.yaml``, one field for each key.

``etc/scanmend.yaml`` describes the keys. Durations are in seconds, sizes in bytes.
"""

from dataclasses import dataclass, field

from scanmend.config.keys import RelativeTo, derived_key, key
from scanmend.config.parsers import (
    COMMAND,
    DURATION,
    FLAG,
    LANGUAGES,
    LISTEN_ADDRESS,
    OCR_ENGINE,
    PASSWORDS,
    PROFILES_BY_FOLDER,
    SIZE,
    TEXT,
    TEXTS,
    WEB_ADDRESS,
    auto_or,
    duration,
    null_or,
    one_of,
    whole_number,
)
from scanmend.durations import SECONDS_PER_UNIT

# values of llm.model
AUTO = "auto"  # a file in models.directory, else a package with a model, else a download
BUILTIN = "builtin"  # the corrector that comes with scanmend

# values of on_bad_page
FAIL = "fail"
PUBLISH = "publish"
ON_BAD_PAGE = one_of(FAIL, PUBLISH)

# llm.effort: which words a language model judges
THOROUGH = "full"
FAST = "fast"

DEFAULT_REPOSITORY = "Qwen/Qwen2.5-3B-Instruct-GGUF"  # on the Hugging Face Hub

BASE = RelativeTo.BASE


@dataclass(frozen=True, slots=True)
class FoldersSettings:
    """The folders that documents come from and go to."""

    inbox: str = key("var/inbox", TEXT, reload=False, relative_to=BASE)
    outbox: str = key("var/outbox", TEXT, reload=False, relative_to=BASE)
    archive: str = key("var/archive", TEXT, reload=False, relative_to=BASE)
    failed: str = key("var/failed", TEXT, reload=False, relative_to=BASE)
    state: str = key("var/state", TEXT, reload=False, relative_to=BASE)


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How the daemon watches the inbox. ``shared`` None: the inbox's file system decides."""

    method: str = key("auto", one_of("auto", "native", "polling"), reload=False)
    poll_interval: float = key("5s", duration(at_least=0.2))
    reconcile_interval: float = key("5m", duration(at_least=1))
    shared: bool | None = key("auto", auto_or(FLAG), reload=False)
    lease: float = key("5m", duration(at_least=1), reload=False)
    ignore: tuple[str, ...] = key([], TEXTS)


@dataclass(frozen=True, slots=True)
class SettleSettings:
    """When a file counts as complete. ``reopen`` None: what each sub-folder's scanner has taught."""

    quiet: float = key("2s", duration(at_least=0.1))
    doubtful: float = key("2m", DURATION)
    patience: float = key("24h", duration(at_least=1))
    reopen: float | None = key("auto", auto_or(DURATION))


@dataclass(frozen=True, slots=True)
class OcrSettings:
    """The OCR engine and its processes. ``workers`` None: one for each core."""

    engine: str = key("auto", OCR_ENGINE)
    languages: tuple[str, ...] = key(["en"], LANGUAGES)
    workers: int | None = key("auto", auto_or(whole_number(1, 256)), reload=False)
    dpi: int = key(300, whole_number(50, 1200))
    rotate: bool = key(True, FLAG)
    idle_unload: float = key("1m", DURATION)
    page_timeout: float = key("3m", duration(at_least=1))
    memory: float = key("4GiB", SIZE)
    attempts: int = key(3, whole_number(1, 100))


@dataclass(frozen=True, slots=True)
class AsposeSettings:
    """The Aspose.OCR engine: its licence, and the folder with OpenSSL 1.1 if the system lacks it."""

    licence: str | None = key(None, null_or(TEXT), relative_to=BASE)
    allow_evaluation: bool = key(False, FLAG)
    library_path: str | None = key(None, null_or(TEXT), relative_to=BASE)


@dataclass(frozen=True, slots=True)
class PdfSettings:
    """How scanmend reads PDFs."""

    text: str = key("auto", one_of("auto", "always_ocr", "trust"))
    attachments: str = key("warn", one_of("warn", "extract"))
    passwords: tuple[str, ...] = key([], PASSWORDS, secret=True)


@dataclass(frozen=True, slots=True)
class LimitsSettings:
    """The largest document that scanmend processes."""

    file_size: float = key("2GB", SIZE)
    pages: int = key(10_000, whole_number(1, 1_000_000))
    pixels: int = key(200_000_000, whole_number(10_000, 10_000_000_000))


@dataclass(frozen=True, slots=True)
class LlmSettings:
    """The language model that corrects.

    ``gpu_layers`` None: as many as fit. ``model`` and ``repo_id`` None: see ``effective_model`` and ``repository``.
    """

    enabled: bool = key(True, FLAG)
    backend: str = key("local", one_of("local", "openai"))
    base_url: str = key("http://127.0.0.1:8080/v1", TEXT)
    api_key_file: str | None = key(None, null_or(TEXT), relative_to=BASE)
    model: str | None = key(None, null_or(TEXT))
    repo_id: str | None = key(None, null_or(TEXT))
    quantization: str = key("int8", TEXT)
    auto_download: bool = key(True, FLAG)
    gpu_layers: int | None = key("auto", auto_or(whole_number(0, 10_000)))
    context: int = key(8192, whole_number(512, 1_000_000))
    threads: int | None = key("auto", auto_or(whole_number(1, 1024)))
    idle_unload: float = key("5m", DURATION)
    load_timeout: float = key("5m", duration(at_least=1))
    page_timeout: float = key("5m", duration(at_least=1))
    effort: str = key(THOROUGH, one_of(THOROUGH, FAST))
    memory: float = key("32GiB", SIZE)
    on_unavailable: str = key("publish", one_of("publish", "wait"))

    @property
    def repository(self) -> str:
        """Return the repository on the Hub from which a model is downloaded."""
        return self.repo_id or DEFAULT_REPOSITORY

    @property
    def effective_model(self) -> str | None:
        """Return ``model``, or derive it from ``backend`` and ``repo_id``.

        None: any .gguf file in ``models.directory``, else the built-in model.
        """
        if self.backend == "openai":
            return AUTO if self.model in (None, BUILTIN) else self.model
        return AUTO if self.model is None and self.repo_id else self.model


@dataclass(frozen=True, slots=True)
class ModelsSettings:
    """Where the GGUF files are."""

    directory: str = derived_key(null_or(TEXT), "var/state/models", BASE)


@dataclass(frozen=True, slots=True)
class ProfilesSettings:
    """Which profile belongs to which sub-folder of the inbox."""

    directory: str = key("profiles", TEXT, relative_to=RelativeTo.FILE)
    default: str = key("default", TEXT)
    folders: dict[str, str] = key({}, PROFILES_BY_FOLDER)


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """How long the journal keeps finished documents: at least two days, since hooks are retried for one."""

    keep: float = key("365d", duration(at_least=2 * SECONDS_PER_UNIT["d"]))


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What the daemon logs, and in which form."""

    format: str = key("auto", one_of("auto", "human", "json", "journal"))
    level: str = key("info", one_of("debug", "info", "warning", "error"))


@dataclass(frozen=True, slots=True)
class HooksSettings:
    """The programs and the address that are told about documents and alarms."""

    on_published: tuple[str, ...] = key([], COMMAND, reload=False)
    on_failure: tuple[str, ...] = key([], COMMAND, reload=False)
    on_alarm: tuple[str, ...] = key([], COMMAND, reload=False)
    webhook: str | None = key(None, null_or(WEB_ADDRESS), reload=False)
    timeout: float = key("1m", duration(at_least=1), reload=False)


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Where the daemon serves metrics and health. ``listen`` None: it does not serve them."""

    listen: str | None = key(None, null_or(LISTEN_ADDRESS), reload=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration. ``file`` is its absolute path; the loader makes all other paths absolute too."""

    file: str = ""
    base: str = key(".", TEXT, reload=False, relative_to=RelativeTo.FILE)
    folders: FoldersSettings = field(default_factory=FoldersSettings)
    originals: str = key("archive", one_of("archive", "keep", "delete"))
    on_bad_page: str = key(FAIL, ON_BAD_PAGE)
    grace: float = key("20s", DURATION)
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
