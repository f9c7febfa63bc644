"""Draw etc/sample.png, the worn invoice that the first `make run` drops into the inbox.

    PYTHONPATH=tests .venv/bin/python -m bench.sample [FILE]

The company, the people and all numbers are fictitious; the IBAN is the example of ISO 13616. The wear is that of the
corrector's test documents, with a seed that leaves words to correct and numbers to check: a first run then shows both.
"""

import random
import sys
from pathlib import Path

from PIL import Image

from bench.documents import WEAR, Text, fonts, printed, worn

ROOT = Path(__file__).resolve().parents[2]
FONT = "DejaVu Sans"
LEVEL = "heavy"
SEED = 118
DPI = 150  # in the file's metadata; the page is drawn for about this resolution

INVOICE = """\
# Invoice
Harrow & Finch Clock Restorers Ltd
14 Tanner's Yard, Wexcombe

Invoice number	HF-26-0417
Date of invoice	12 October 2026
Your reference	longcase clock, Mrs Ellery

Dear Mrs Ellery,
Thank you for your letter of 28 September and for your patience while the movement
was with our workshop. We have cleaned the dial, replaced the broken suspension
spring and fitted a new gut line. The strike is working again and keeps good time.

Description	Hours	Amount
Cleaning and repair of the movement	6	390.00
Suspension spring and gut line	1	48.50
Collection and return of the clock	2	90.00

Net amount	528.50
Value added tax at 20 %	105.70
Total payable	634.20

Please pay within thirty days to the account below and mention the invoice number.
The guarantee for our work is two years from the date of delivery.
IBAN GB29 NWBK 6016 1331 9268 19
"""


def draw(seed: int = SEED, level: str = LEVEL, font: str = FONT) -> Image.Image:
    """Return the worn page, mode L."""
    rng = random.Random(seed)
    text = Text("invoice", "en", tuple(INVOICE.splitlines()))
    return worn(printed(text, fonts()[font], rng), WEAR[level], rng)


def main() -> None:
    """Write the picture."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "etc" / "sample.png"
    draw().save(target, dpi=(DPI, DPI), optimize=True)


if __name__ == "__main__":
    main()
