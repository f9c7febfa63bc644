"""Test the reading of a GGUF file's header: real files, and damaged ones."""

import struct
from pathlib import Path

import gguf
import pytest

import tinygguf
from scanmend.errors import ModelUnavailable
from scanmend.llm import gguf_header


def test_the_layers_of_a_model_are_counted(tmp_path: Path) -> None:
    for layers in (1, 5):
        path = tinygguf.write(tmp_path / f"{layers}.gguf", layers=layers)

        assert gguf_header.layer_count(str(path)) == layers


def test_the_architecture_may_stand_behind_the_vocabulary_and_the_count(tmp_path: Path) -> None:
    out = gguf.GGUFWriter(tmp_path / "late.gguf", "qwen2")

    architecture = out.kv_data[0].pop("general.architecture")
    out.add_token_list([f"word {n}" for n in range(1000)])
    out.add_token_scores([0.5] * 1000)
    out.add_bool("other.flag", True)
    out.add_uint32("qwen2.block_count", 36)
    out.kv_data[0]["general.architecture"] = architecture
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.close()

    assert gguf_header.layer_count(str(tmp_path / "late.gguf")) == 36


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GGUF",
        b"GGUF" + struct.pack("<IQQ", 1, 0, 5),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 2**40),
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**50),
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"a" + struct.pack("<I", 99),
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"a" + struct.pack("<IIQ", 9, 9, 5),
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"a" + struct.pack("<IIQ", 9, 8, 2**60),
    ],
)
def test_a_damaged_header_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "bad.gguf").write_bytes(data)

    with pytest.raises(
        ModelUnavailable, match=r"bad\.gguf: the header of the GGUF file is damaged"
    ):
        gguf_header.layer_count(str(tmp_path / "bad.gguf"))


def test_a_header_without_the_count_gives_no_layers(tmp_path: Path) -> None:
    (tmp_path / "none.gguf").write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 0))

    assert gguf_header.layer_count(str(tmp_path / "none.gguf")) == 0


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="No such file"):
        gguf_header.layer_count(str(tmp_path / "gone.gguf"))
