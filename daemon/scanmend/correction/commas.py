"""Full stops that are commas: few pixels part them, and where a sentence goes on, the text itself tells."""

import re
from collections.abc import Sequence

from scanmend.correction.protected import Repair

COMMA = "repair-comma"
_GOES_ON = re.compile(r"(?<![^\s(])[^\W\d_]{4,}(?=\. [^\W\d_A-ZÀ-ÖØ-Þ]{2})")
_ABBREVIATIONS = frozenset(  # of four letters and more
    """
    abbr acct addr approx appt attn bldg cert cont corp dept desc dist encl equip excl govt hosp incl info intl maint natl paras
    prev prof prop prov qual recd refs regd spec specs suppl temp univ warr
    abschn abzgl ausschl bzgl einschl engl entspr evtl exkl franz gegr gesch inkl insb insbes jährl mind monatl mündl nachm
    schriftl sogen stellv tägl usw verh vers vorm zuzgl zzgl
    aprox admin dcha depto excmo izda izqda máxs mtro núms págs pral sres srta teléf
    bijv boul bull chap coll dépt docs env étab juil janv févr magas mens munic réfs suiv trim artt dott spett sigg
    """.split()  # noqa: SIM905
)


def commas(text: str, unsure: Sequence[int] | None = None) -> list[Repair]:
    """Full stops that the engine was not sure of, in the middle of a sentence: few pixels part them from commas.

    Behind a word that is no abbreviation, and before a small letter. Of 33 such in pages of ours 29 were commas.

    >>> commas("with iron nails. probably", [15])
    [Repair(start=15, before='.', after=',', rule='repair-comma')]
    >>> commas("with iron nails. probably", []), commas("incl. tax", [4])
    ([], [])
    """
    doubted = frozenset(unsure or ())
    return [
        Repair(match.end(), ".", ",", COMMA)
        for match in _GOES_ON.finditer(text)
        if match.end() in doubted and match[0].casefold() not in _ABBREVIATIONS
    ]
