"""Make lines of invoices, receipts, statements, letters, prescriptions, forms and tables, in six languages.

The words are ours and Faker's (MIT); numbers, codes and addresses are random. Each template is a layout of a line.
"""

import functools
import random
import string
from typing import Any

from faker import Faker

LOCALES = {"en": "en_GB", "de": "de_DE", "es": "es_ES", "fr": "fr_FR", "it": "it_IT", "nl": "nl_NL"}
FOREIGN = (  # locales of names in languages that the prose does not cover
    "pl_PL",
    "cs_CZ",
    "tr_TR",
    "hu_HU",
    "ro_RO",
    "sv_SE",
    "pt_PT",
    "da_DK",
    "hr_HR",
    "fi_FI",
    "el_GR",
)
WORDS: dict[str, dict[str, list[str]]] = {
    "en": {
        "total": ["Total", "Subtotal", "Amount due", "Balance", "Net amount", "Grand total", "VAT", "Sales tax", "Discount", "Change", "Cash"],
        "label": ["Invoice no.", "Invoice", "Order number", "Customer no.", "Date", "Due date", "Delivery note", "Reference", "Account", "Page", "Tel.", "Your reference", "Invoice date", "VAT no."],
        "item": ["Office chair", "Copy paper A4", "Ball bearing", "Cable 3 m", "Coffee, ground", "Delivery charge", "Toner cartridge", "Steel screws", "Consulting services", "Milk 1 l", "Bread, sliced", "Working time", "Printer", "Envelope C5", "Hourly rate"],
        "phrase": ["Payable within 14 days without deduction.", "Thank you for your order.", "Goods remain our property until paid in full.", "Please quote the invoice number with every payment.", "Take with water after meals.", "Kind regards,", "Dear Sir or Madam,", "We refer to your letter of", "This document was created electronically and is valid without a signature.", "Received in good condition", "Please tick where applicable", "Signature of the patient"],
    },
    "de": {
        "total": ["Gesamtbetrag", "Zwischensumme", "Rechnungsbetrag", "Nettobetrag", "MwSt.", "Umsatzsteuer", "Summe", "Rabatt", "Restbetrag", "Bar", "Rückgeld"],
        "label": ["Rechnungs-Nr.", "Rechnung", "Auftragsnummer", "Kunden-Nr.", "Datum", "Fällig am", "Lieferschein", "Ihr Zeichen", "Konto", "Seite", "Telefon", "Steuernummer", "USt-IdNr.", "Bestellnummer"],
        "item": ["Bürostuhl", "Kopierpapier A4", "Kugellager", "Anschlusskabel 3 m", "Kaffee, gemahlen", "Versandkosten", "Tonerkartusche", "Schrauben verzinkt", "Beratungsleistung", "Vollmilch 1 l", "Brötchen", "Arbeitszeit", "Wartungspauschale", "Briefumschlag C5"],
        "phrase": ["Zahlbar innerhalb von 14 Tagen ohne Abzug.", "Vielen Dank für Ihren Auftrag.", "Die Ware bleibt bis zur vollständigen Bezahlung unser Eigentum.", "Bitte geben Sie bei Zahlungen die Rechnungsnummer an.", "Mit freundlichen Grüßen", "Sehr geehrte Damen und Herren,", "Wir beziehen uns auf Ihr Schreiben vom", "Zutreffendes bitte ankreuzen", "Unterschrift des Patienten", "Ware einwandfrei erhalten"],
    },
    "fr": {
        "total": ["Total TTC", "Sous-total", "Montant dû", "Total HT", "TVA", "Remise", "Solde", "Net à payer", "Espèces", "Monnaie rendue"],
        "label": ["Facture n°", "Facture", "N° de commande", "N° client", "Date", "Échéance", "Bon de livraison", "Référence", "Compte", "Page", "Tél.", "N° TVA"],
        "item": ["Chaise de bureau", "Papier A4", "Roulement à billes", "Câble 3 m", "Café moulu", "Frais de port", "Cartouche d'encre", "Vis en acier", "Prestation de conseil", "Lait entier 1 l", "Pain complet", "Main-d'œuvre", "Enveloppe C5"],
        "phrase": ["Payable à réception de la facture.", "Nous vous remercions de votre commande.", "Veuillez agréer, Madame, Monsieur, nos salutations distinguées.", "Madame, Monsieur,", "À prendre après les repas avec un verre d'eau.", "Cochez la case correspondante", "Signature de l'assuré"],
    },
    "es": {
        "total": ["Total", "Subtotal", "Importe total", "Base imponible", "IVA", "Descuento", "Saldo", "Efectivo", "Cambio"],
        "label": ["Factura n.º", "Factura", "N.º de pedido", "N.º de cliente", "Fecha", "Vencimiento", "Albarán", "Referencia", "Cuenta", "Página", "Teléfono", "NIF"],
        "item": ["Silla de oficina", "Papel A4", "Rodamiento", "Cable de 3 m", "Café molido", "Gastos de envío", "Cartucho de tóner", "Tornillos de acero", "Servicios de asesoría", "Leche entera 1 l", "Pan de molde", "Mano de obra", "Sobre C5"],
        "phrase": ["Pagadero en un plazo de 14 días.", "Gracias por su pedido.", "Estimados señores:", "Atentamente,", "Tómese con agua después de las comidas.", "Firma del paciente", "Marque lo que corresponda"],
    },
    "it": {
        "total": ["Totale", "Imponibile", "Totale fattura", "IVA", "Sconto", "Saldo", "Contanti", "Resto", "Importo dovuto"],
        "label": ["Fattura n.", "Fattura", "Numero d'ordine", "Codice cliente", "Data", "Scadenza", "Bolla di consegna", "Riferimento", "Conto", "Pagina", "Telefono", "Partita IVA"],
        "item": ["Sedia da ufficio", "Carta A4", "Cuscinetto a sfere", "Cavo 3 m", "Caffè macinato", "Spese di spedizione", "Cartuccia toner", "Viti in acciaio", "Consulenza", "Latte intero 1 l", "Pane integrale", "Manodopera", "Busta C5"],
        "phrase": ["Pagamento entro 14 giorni.", "Vi ringraziamo per il vostro ordine.", "Gentili signori,", "Distinti saluti", "Da assumere con acqua dopo i pasti.", "Firma del paziente", "Barrare la casella corrispondente"],
    },
    "nl": {
        "total": ["Totaal", "Subtotaal", "Te betalen", "Netto bedrag", "BTW", "Korting", "Saldo", "Contant", "Wisselgeld", "Totaalbedrag"],
        "label": ["Factuurnummer", "Factuur", "Ordernummer", "Klantnummer", "Datum", "Vervaldatum", "Pakbon", "Kenmerk", "Rekening", "Pagina", "Telefoon", "BTW-nummer"],
        "item": ["Bureaustoel", "Kopieerpapier A4", "Kogellager", "Kabel 3 m", "Gemalen koffie", "Verzendkosten", "Tonercartridge", "Stalen schroeven", "Advieswerkzaamheden", "Volle melk 1 l", "Volkorenbrood", "Arbeidsloon", "Envelop C5"],
        "phrase": ["Te betalen binnen 14 dagen.", "Hartelijk dank voor uw bestelling.", "Geachte heer, mevrouw,", "Met vriendelijke groet,", "Innemen met water na de maaltijd.", "Handtekening van de patiënt", "Aankruisen wat van toepassing is"],
    },
}  # fmt: skip
DRUGS = ["Paracetamol", "Ibuprofen", "Amoxicillin", "Metformin", "Ramipril", "Simvastatin", "Omeprazol", "Levothyroxin", "Bisoprolol", "Prednisolon"]  # fmt: skip
CODE_SHAPES = [  # "#" stands for a digit, "A" for a capital
    *("######", "AA-####", "####/##", "A##-###A", "##.###.##"),
    *("RE-####-###", "AAA#####", "#A#A#A#", "6204-#AA", "AA ## ### ###"),
]
UNITS = ["mg", "ml", "g", "µg", "IE", "kg", "m", "cm", "mm", "l", "pcs", "Stk", "h", "kWh", "m²"]


@functools.cache
def _faker(language: str) -> Any:
    return Faker(LOCALES.get(language, language))


def foreign_name(rng: random.Random) -> str:
    """Return a name, a place or a firm of a language that the prose does not cover."""
    fake = _faker(rng.choice(FOREIGN))
    return str(rng.choice([fake.name, fake.last_name, fake.city, fake.company])())


def _amount(rng: random.Random, language: str) -> str:
    """Return an amount of money as the language writes it."""
    value = rng.choice([rng.uniform(0.2, 30), rng.uniform(1, 1000), rng.uniform(1000, 90000)])
    text = f"{value:,.2f}"
    if language == "en":
        return rng.choice([text, f"${text}", f"£{text}", f"{text} GBP", f"USD {text}"])
    separator = rng.choice([".", " ", ""]) if language != "fr" else " "
    text = text.replace(",", "\0").replace(".", ",").replace("\0", separator)
    return rng.choice([text, f"{text} €", f"€ {text}", f"{text} EUR", f"EUR {text}"])


def code(rng: random.Random) -> str:
    """Return a number of an invoice, an article or a customer."""
    drawn_from = {"#": string.digits, "A": string.ascii_uppercase}
    shape = rng.choice(CODE_SHAPES)
    return "".join(rng.choice(drawn_from[c]) if c in drawn_from else c for c in shape)


def _date(rng: random.Random) -> str:
    d, m, y = rng.randrange(1, 29), rng.randrange(1, 13), rng.randrange(1990, 2030)
    day, month = f"{d:02}", f"{m:02}"
    german, short = f"{day}.{month}.{y}", f"{d}.{m}.{y % 100:02}"
    slashes, iso, dashes = f"{day}/{month}/{y}", f"{y}-{month}-{day}", f"{day}-{month}-{y}"
    return rng.choice([german, slashes, iso, short, dashes])


def document_line(rng: random.Random) -> str:
    """Return a line in a random layout and language."""
    language = rng.choice([*WORDS, "en", "en"])
    words, fake = WORDS[language], _faker(language)
    total, label, item, phrase = (
        rng.choice(words[k]) for k in ("total", "label", "item", "phrase")
    )
    gap = " " * rng.choice([1, 1, 2, 4, 8])
    amount, number, date, count = (
        _amount(rng, language),
        code(rng),
        _date(rng),
        rng.randrange(1, 200),
    )
    layouts = [
        lambda: f"{total}:{gap}{amount}", lambda: f"{total}{gap}{amount}", lambda: f"{total} {rng.choice([7, 19, 20, 21])}%{gap}{amount}",
        lambda: f"{label} {number}", lambda: f"{label}: {number}", lambda: f"{label}{gap}{date}", lambda: f"{label} {number} {date}",
        lambda: f"{count} {item}{gap}{amount}", lambda: f"{count} x {item} {amount}", lambda: f"{number}{gap}{item}{gap}{count}{gap}{amount}",
        lambda: f"{item}{gap}{amount}", lambda: f"{item}, {rng.choice(words['item']).lower()}", lambda: item, lambda: phrase,
        lambda: f"{phrase} {date}", fake.name, fake.company, lambda: fake.street_address().replace("\n", ", "),
        lambda: f"{fake.postcode()} {fake.city()}", fake.city, lambda: f"{fake.name()}, {fake.city()}",
        lambda: f"Tel. {fake.phone_number()}", fake.email, lambda: f"www.{fake.domain_name()}", lambda: f"IBAN {fake.iban()}",
        lambda: f"{rng.choice(DRUGS)} {rng.choice([5, 10, 20, 100, 250, 500])} {rng.choice(UNITS[:5])} {rng.randrange(2)}-{rng.randrange(2)}-{rng.randrange(2)}",
        lambda: f"{rng.choice(DRUGS)} {rng.choice(['Tabl.', 'N1', 'N2', 'Filmtabletten', 'Tropfen', 'tablets'])}",
        fake.job, lambda: f"{fake.last_name()}, {fake.first_name()}", lambda: f"{date}{gap}{item}{gap}{amount}",
        lambda: f"{date} {fake.company()} {amount}", lambda: f"{count},{rng.randrange(10)} {rng.choice(UNITS)}", lambda: f"{label}: {fake.name()}",
        lambda: fake.sentence(nb_words=rng.randrange(4, 11)), lambda: fake.catch_phrase() if language in ("en", "es", "it") else phrase,
        lambda: f"{rng.choice('ABCDEF')}) {phrase}", lambda: f"{rng.randrange(1, 30)}. {phrase}", lambda: f"{phrase} {rng.choice(words['phrase'])}",
        lambda: f"[ ] {item}   [x] {rng.choice(words['item'])}", lambda: f"| {item} | {count} | {amount} |", lambda: f"{total.upper()}{gap}{amount}",
        lambda: f"{item.upper()}{gap}{amount}", lambda: f"{fake.company().upper()}", lambda: f"def {fake.user_name()}(x): return x[{count}]",
        lambda: f"{fake.user_name()}@{fake.domain_name()} {number}", lambda: f"{label} ........ {count}", lambda: f"{phrase} ({label} {number})",
    ]  # fmt: skip
    return " ".join(rng.choice(layouts)().split("\n")).strip() or item
