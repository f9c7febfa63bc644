"""Say which languages each OCR engine reads, by ISO 639 code, and what to install for the others.

The daemon checks ``ocr.languages`` with it before any engine is loaded. A code may have a subtag: a script ("sr-Cyrl"), which
decides what can be read, or a region ("de-AT"), which does not.
"""

import difflib
import re
from collections.abc import Iterable, Sequence

# The languages of RapidOCR's recogniser (PP-OCRv6 small): Chinese, Japanese, and those in Latin letters of which its
# dictionary has every letter. It lists Vietnamese, too, but lacks two thirds of its letters.
RAPIDOCR_LANGUAGES = frozenset(
    "af az bs ca cs cy da de en es et eu fi fr ga gl hr hu id is it ja ku la lb lt lv mi ms mt nb nl nn no oc "  # noqa: SIM905
    "pl pt qu rm ro rs sk sl sq sr sv sw tl tr uz zh".split()
)
# Letters that are in its dictionary but that it did not read: with three fonts and clean print, none of them came out.
# It read at least nine in ten of the other languages' letters that are not ASCII.
UNREAD_LETTERS = {"cs": "ďť", "cy": "ŵŷ", "sk": "ďĺľŕť"}

# codes and the names of Tesseract's traineddata files
TRAINEDDATA: dict[str, str] = dict(
    re.findall(
        r"([\w-]+):(\w+)",
        "af:afr am:amh ar:ara as:asm az:aze az-Cyrl:aze_cyrl be:bel bg:bul bn:ben bo:bod br:bre bs:bos ca:cat "
        "ceb:ceb chr:chr co:cos cs:ces cy:cym da:dan de:deu dv:div dz:dzo el:ell en:eng eo:epo es:spa et:est "
        "eu:eus fa:fas fi:fin fil:fil fo:fao fr:fra fy:fry ga:gle gd:gla gl:glg grc:grc gu:guj he:heb hi:hin "
        "hr:hrv ht:hat hu:hun hy:hye id:ind is:isl it:ita iu:iku ja:jpn jv:jav ka:kat kk:kaz km:khm kn:kan ko:kor "
        "ku:kmr ky:kir la:lat lb:ltz lo:lao lt:lit lv:lav mi:mri mk:mkd ml:mal mn:mon mr:mar ms:msa mt:mlt my:mya "
        "nb:nor ne:nep nl:nld nn:nor no:nor oc:oci or:ori pa:pan pl:pol ps:pus pt:por qu:que ro:ron ru:rus sa:san "
        "sd:snd si:sin sk:slk sl:slv sq:sqi sr:srp sr-Latn:srp_latn su:sun sv:swe sw:swa syr:syr ta:tam te:tel "
        "tg:tgk th:tha ti:tir tl:fil to:ton tr:tur tt:tat ug:uig uk:ukr ur:urd uz:uzb uz-Cyrl:uzb_cyrl vi:vie "
        "yi:yid yo:yor zh:chi_sim zh-Hans:chi_sim zh-Hant:chi_tra zh-TW:chi_tra zh-HK:chi_tra",
    )
)

# other codes for the same language, and codes of countries -> the language's code
_OTHER_CODES: dict[str, str] = {
    **{data.partition("_")[0]: code for code, data in TRAINEDDATA.items() if len(code) == 2},
    **dict(
        re.findall(
            r"(\w+):(\w+)",
            "alb:sq arm:hy baq:eu bur:my chi:zh zho:zh cze:cs dut:nl fre:fr geo:ka ger:de gre:el ice:is mac:mk mao:mi "
            "may:ms nob:no nno:no nor:no per:fa rum:ro slo:sk srp:sr tib:bo tgl:tl wel:cy iw:he in:id",
        )
    ),
}
_COUNTRY_CODES: dict[str, str] = dict(
    re.findall(
        r"(\w+):(\w+)",
        "al:sq at:de ba:bs by:be ch:de cn:zh cz:cs dk:da ee:et gb:en ge:ka gr:el ie:ga il:he ir:fa jp:ja kr:ko "
        "kz:kk rs:sr se:sv tw:zh ua:uk us:en vn:vi",
    )
)
_LANGUAGE_NAMES: dict[str, str] = dict(
    re.findall(
        r"(\w+):(\w+)",
        "arabic:ar armenian:hy basque:eu bulgarian:bg catalan:ca chinese:zh croatian:hr czech:cs danish:da dutch:nl "
        "english:en estonian:et finnish:fi french:fr galician:gl georgian:ka german:de deutsch:de greek:el hebrew:he "
        "hindi:hi hungarian:hu icelandic:is irish:ga italian:it japanese:ja korean:ko latin:la latvian:lv "
        "lithuanian:lt norwegian:no persian:fa polish:pl portuguese:pt romanian:ro russian:ru serbian:sr slovak:sk "
        "slovenian:sl spanish:es swedish:sv thai:th turkish:tr ukrainian:uk vietnamese:vi welsh:cy",
    )
)

KNOWN_CODES = RAPIDOCR_LANGUAGES | {code for code in TRAINEDDATA if "-" not in code}
# the script subtags of the scripts that RapidOCR reads
_RAPIDOCR_SCRIPTS = frozenset({"Latn", "Hans", "Hant", "Jpan", "Hani"})
SCRIPT_LETTERS = 4  # length of a subtag that names a script, such as "Cyrl"
_CODE = re.compile(r"[a-z]{2,3}(-[A-Za-z]+)?")


def normalised(code: str) -> str:
    """Return a code with the shorter code of its language: "de" for "deu" and "ger".

    Raise ValueError, with the end of the sentence "it must be …" as its message, for a code of two letters that no
    language has, and for anything that is no code. A code of three letters may name data for Tesseract.
    """
    if not _CODE.fullmatch(code):
        raise ValueError(_hint(code))
    language, _, subtag = code.partition("-")
    language = _OTHER_CODES.get(language) or language
    if language not in KNOWN_CODES and len(language) == 2:
        raise ValueError(_hint(code))
    if not subtag:
        return language
    return f"{language}-{subtag.title() if len(subtag) == SCRIPT_LETTERS else subtag.upper()}"


def nearest_code(code: str) -> str | None:
    """Return the known code that was probably meant."""
    word = code.casefold().partition("-")[0].partition("_")[0]
    word = _OTHER_CODES.get(word) or _COUNTRY_CODES.get(word) or _LANGUAGE_NAMES.get(word) or word
    if word in KNOWN_CODES:
        return word
    named = difflib.get_close_matches(word, _LANGUAGE_NAMES, 1, 0.75)
    if named:
        return _LANGUAGE_NAMES[named[0]]
    return next(iter(difflib.get_close_matches(word, sorted(KNOWN_CODES), 1, 0.5)), None)


def unread_by_rapidocr(codes: Iterable[str]) -> list[str]:
    """Return those of the codes whose language or script RapidOCR does not read."""
    return [code for code in codes if not _is_read_by_rapidocr(code)]


def unread_by_tesseract(codes: Iterable[str]) -> list[str]:
    """Return those of the codes for which Tesseract has no data to install.

    A code of three letters that no list has may be that of the user's own data.
    """
    return [code for code in codes if traineddata(code) is None and len(code) != 3]


def traineddata(code: str) -> str | None:
    """Return the name of Tesseract's data for a code; None if there are none."""
    return TRAINEDDATA.get(code) or TRAINEDDATA.get(code.partition("-")[0])


def packages(codes: Iterable[str], *, program: bool = True) -> str:
    """Return the Debian packages with Tesseract's data for these codes; with ``program``, Tesseract itself first."""
    names = dict.fromkeys(f"tesseract-ocr-{(traineddata(c) or c).replace('_', '-')}" for c in codes)
    return " ".join((["tesseract-ocr"] if program else []) + list(names))


def listed(codes: Sequence[str]) -> str:
    """Return codes for people: "ru", "ru and el", "ru, el and he"."""
    return " and ".join(filter(None, (", ".join(codes[:-1]), *codes[-1:])))


def _is_read_by_rapidocr(code: str) -> bool:
    language, _, subtag = code.partition("-")
    if language not in RAPIDOCR_LANGUAGES:
        return False
    return len(subtag) != SCRIPT_LETTERS or subtag in _RAPIDOCR_SCRIPTS


def _hint(code: str) -> str:
    likely = nearest_code(code)
    return f"; {code!r} is none (did you mean {likely}?)" if likely else f"; {code!r} is none"
