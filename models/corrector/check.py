"""Compares the logits of PyTorch and llama.cpp, in two steps, for the two don't share an environment.

python check.py torch CHECKPOINT.pt logits.npz          (with torch; the project's tests read logits.npz)
python check.py llama MODEL.gguf logits.npz             (with llama_cpp; says the largest difference)
"""

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
    """Compare; the tokenizer and the template are looked at as well."""
    import llama_cpp  # noqa: PLC0415
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter  # noqa: PLC0415

    model = llama_cpp.Llama(str(path), n_ctx=1024, logits_all=True, verbose=False, n_threads=1)
    formatter = Jinja2ChatFormatter(model.metadata["tokenizer.chat_template"], "<|end|>", "")
    expected = np.load(logits)
    for n, line in enumerate(LINES):
        prompt = formatter(messages=[{"role": "user", "content": line}]).prompt
        tokens = model.tokenize(prompt.encode(), add_bos=False, special=True)
        assert tokens == [*line.encode(), 257], tokens
        tokens = [*tokens, *line.encode(), model.token_eos()]
        found = _logits(model, tokens)
        same = (found.argmax(-1) == expected[str(n)].argmax(-1)).mean()
        print(
            f"{np.abs(found - expected[str(n)]).max():.4f} at most, {same:.1%} of the choices the same"
        )


def _logits(model: Any, tokens: list[int]) -> Any:
    model.reset()
    model.eval(tokens)
    return model.scores[: len(tokens)].copy()


if __name__ == "__main__":
    {"torch": with_torch, "llama": with_llama}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
