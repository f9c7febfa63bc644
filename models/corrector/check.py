"""Compares the logits of PyTorch and llama.cpp, in two steps, for the two don't share an environment.

python check.py torch CHECKPOINT.pt logits.npz          (with torch; the project's tests read logits.npz)
python check.py llama MODEL.gguf logits.npz             (with llama_cpp; says the largest difference)
"""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

LINES = [
    "The qu1ck brovvn fox jurnps over tlie lazy dog.",
    "Rechnung Nr. 4711 über 1.234,56 € – zahlbar innerhalb von 14 Tagen",
    "“Où allez-vous ?” → Straße ¬ № 5",
]


def with_torch(checkpoint: Path, out: Path) -> None:
    """Write the logits of all places of the lines."""
    import torch  # noqa: PLC0415 - only one of the two is there

    from train import Corrector, Shape, sequence  # noqa: PLC0415

    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model = Corrector(Shape(**saved["shape"]))
    model.load_state_dict(saved["model"])
    with torch.no_grad():
        found = {
            str(n): model(torch.tensor([sequence(line, line)]))[0].numpy().astype(np.float16)
            for n, line in enumerate(LINES)
        }
    np.savez_compressed(out, lines=np.array(LINES), **found)  # type: ignore[arg-type] # both are arrays


def with_llama(path: Path, logits: Path) -> None:
    """Compare; the template is looked at as well."""
    import llama_cpp  # noqa: PLC0415
    from scanmend.llm.context import Entry  # noqa: PLC0415
    from scanmend.llm.loader import load  # noqa: PLC0415
    from scanmend.workers.protocol import LoadRequest  # noqa: PLC0415

    loaded = load(LoadRequest(os.fsencode(path)), lambda _: None)
    context, prompt = loaded.context, loaded.prompt("Correct.")
    assert prompt.before_lines([]) == []
    expected = np.load(logits)
    for n, line in enumerate(LINES):
        text = list(line.encode())
        assert context.tokenize(line.encode()) == text
        tokens = [*prompt.of_line(text), *text, context.end]
        context.clear()
        context.decode([Entry(token, place, 0, -1) for place, token in enumerate(tokens)])
        wanted = expected[str(n)].astype(np.float32)
        pointer: Any = llama_cpp.llama_get_logits(context._pointer)  # noqa: SLF001
        found = np.ctypeslib.as_array(pointer, wanted.shape)
        same = (found.argmax(-1) == wanted.argmax(-1)).mean()
        print(f"{np.abs(found - wanted).max():.4f} at most, {same:.1%} of the choices the same")


if __name__ == "__main__":
    {"torch": with_torch, "llama": with_llama}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
