"""Turn the errors of the Hugging Face Hub's client into errors of scanmend with a remedy."""

import contextlib
import errno
from collections.abc import Iterator, Sequence

from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from scanmend.errors import DiskFull, ModelUnavailable

# packages whose errors mean that the Hub can't be reached
HTTP_CLIENTS = ("httpx", "httpcore", "requests", "urllib3")


@contextlib.contextmanager
def explained(
    repo_id: str, names: Sequence[str], directory: str, *, certain: bool = True
) -> Iterator[None]:
    """Turn the errors of the Hub's client, raised in the block, into ModelUnavailable or DiskFull with a remedy.

    ``names``: the files for a download by hand; not ``certain``: these are only the usual names. ``directory``: the
    models' folder.
    """
    try:
        yield
    except GatedRepoError:
        raise ModelUnavailable(
            f"{repo_id}: its owner requires you to accept its licence",
            f"accept it on {address(repo_id)}, then set HF_TOKEN",
        ) from None
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        if isinstance(error, RepositoryNotFoundError) or status in (401, 404):
            raise ModelUnavailable(
                f"{repo_id}: the Hub knows no such repository, or it is private",
                "check llm.repo_id, or set HF_TOKEN",
            ) from None
        raise ModelUnavailable(
            f"{address(repo_id)}: the Hub answered {status}", "scanmend tries again later"
        ) from None
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, OSError, TimeoutError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise DiskFull(
                f"{directory}: no space for the model", "free some; the download goes on by itself"
            ) from None
        raise _unreachable(repo_id, names, directory, error, certain=certain) from None
    except Exception as error:
        if type(error).__module__.startswith(HTTP_CLIENTS):
            raise _unreachable(repo_id, names, directory, error, certain=certain) from None
        raise


def _unreachable(
    repo_id: str, names: Sequence[str], directory: str, error: Exception, *, certain: bool
) -> ModelUnavailable:
    """Return the error for a Hub that can't be reached, with the addresses for a download by hand."""
    page = address(repo_id)
    files = " ".join(f"{page}/resolve/main/{name}" for name in names)
    unsure = "" if certain else f" (the usual name; {page}/tree/main lists the files)"
    return ModelUnavailable(
        f"the Hub can't be reached ({type(error).__name__})",
        f"scanmend tries again later; or download {files}{unsure} and put it into {directory}",
    )


def address(repo_id: str) -> str:
    """Return the address of a repository's page."""
    return f"{constants.ENDPOINT}/{repo_id}"
