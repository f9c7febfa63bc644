"""Compare the logits of PyTorch and llama.cpp in two steps, since the two are installed in separate environments.

python compare_logits.py torch CHECKPOINT.pt logits.npz     (with torch; the project's tests read logits.npz)
python compare_logits.py llama MODEL.gguf logits.npz        (with llama_cpp; prints the largest difference)
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
    """Write the logits at all positions of the lines, for each line an array (tokens, vocabulary) float16."""
    import torch  # noqa: PLC0415 - only one of the two is installed

    from architecture import from_checkpoint  # noqa: PLC0415
    from vocabulary import sequence  # noqa: PLC0415

    model = from_checkpoint(checkpoint)
    found: dict[str, Any] = {}
    with torch.no_grad():
        for n, line in enumerate(LINES):
            logits = model(torch.tensor([sequence(line, line)]))[0]
            found[str(n)] = logits.numpy().astype(np.float16)
    np.savez_compressed(out, lines=np.array(LINES), **found)


def with_llama(path: Path, logits: Path) -> None:
    """Print the largest difference between llama.cpp's logits and those in the file."""
    import llama_cpp  # noqa: PLC0415
    from scanmend.llm.llama_batch import BatchToken  # noqa: PLC0415
    from scanmend.llm.loader import load_corrector  # noqa: PLC0415
    from scanmend.workers.protocol import LoadRequest  # noqa: PLC0415

    loaded = load_corrector(LoadRequest(os.fsencode(path)))
    context = loaded.context
    expected = np.load(logits)
    for n, line in enumerate(LINES):
        text = list(line.encode())
        if context.tokenize(line.encode()) != text:
            sys.exit("the model's tokens are not bytes")
        tokens = [*text, *loaded.line_end, *text, context.end_token]
        context.clear()
        context.decode([BatchToken(token, at, 0, predict=True) for at, token in enumerate(tokens)])
        torch_logits = expected[str(n)].astype(np.float32)
        pointer: Any = llama_cpp.llama_get_logits(context._pointer)  # noqa: SLF001
        found = np.ctypeslib.as_array(pointer, torch_logits.shape)
        same = (found.argmax(-1) == torch_logits.argmax(-1)).mean()
        largest = np.abs(found - torch_logits).max()
        print(f"{largest:.4f} at most, {same:.1%} of the choices the same")


if __name__ == "__main__":
    {"torch": with_torch, "llama": with_llama}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
