#!/usr/bin/env bash
# Makes a fresh Debian 12 or Ubuntu 24.04 ready: system packages, .venv, scanmend with all its engines.
#   ./setup.sh run     what `make run` needs
#   ./setup.sh test    that and what the tests need
# Does nothing when nothing has changed since the last time.
set -euo pipefail
cd "$(dirname "$0")"

what=${1:?run or test}
python=${PYTHON:-python3}
stamp=.venv/.ready-$what
say() { printf '\033[1mscanmend:\033[0m %s\n' "$*"; }
stop() { printf 'scanmend: %s\n' "$*" >&2; exit 1; }
# a service's user can't write here: without this, each of its starts, and each status, would compile the source;
# where it fails, they do
compile() { .venv/bin/python -m compileall -q daemon || true; }

wanted=$(cat pyproject.toml setup.sh | sha256sum; printf '%s' "${CMAKE_ARGS:-}")
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && compile && exit 0

# pkg-config and libsystemd-dev: systemd-python is built here; the compiler: llama-cpp-python is, too
packages=(python3-venv python3-dev build-essential pkg-config libsystemd-dev tesseract-ocr tesseract-ocr-osd)
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
    case " ${missing[*]} " in *" samba "*) # the tests start a server of their own; Debian's need not run for them
      "${sudo[@]}" systemctl disable -q --now smbd nmbd samba-ad-dc >/dev/null 2>&1 || true ;;
    esac
  fi
else
  say "no dpkg here: make sure that these, or their like, are installed: ${packages[*]}"
fi

command -v "$python" >/dev/null || stop "$python is not there; install Python 3.11 or newer, or set PYTHON"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || stop "$python is too old; scanmend needs Python 3.11"

if [ ! -x .venv/bin/python ]; then
  say "making the virtual environment .venv"
  "$python" -m venv .venv
fi

# pip keeps the wheel that it builds, so this takes long only once on a machine. Flags of one's own (a GPU,
# say) must not meet a wheel that was built without them.
llama=$(sed -n 's/^ *"\(llama-cpp-python[^"[]*\)".*/\1/p' pyproject.toml)
if ! .venv/bin/python -c 'import llama_cpp' 2>/dev/null || [ -n "${CMAKE_ARGS:-}" ]; then
  say "installing llama-cpp-python; where it must be compiled first, this takes about 5 minutes on 2 cores"
  if [ -n "${CMAKE_ARGS:-}" ]; then
    .venv/bin/pip install -qq --disable-pip-version-check --no-cache-dir --force-reinstall --no-deps "$llama"
  else
    CMAKE_ARGS="-DLLAVA_BUILD=OFF" .venv/bin/pip install -qq --disable-pip-version-check "$llama"
  fi
fi
say "installing scanmend and its engines"
extra=; [ "$what" = test ] && extra='[test]'
.venv/bin/pip install -qq --disable-pip-version-check -e ".$extra"
compile
printf '%s' "$wanted" >"$stamp"
