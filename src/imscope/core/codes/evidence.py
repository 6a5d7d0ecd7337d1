"""Codes of the evidence base."""

from imscope.core.code_book import declare

# evidence
EVIDENCE_TERM = declare(
    "E-EVIDENCE-TERM",
    "The evidence base knows no such term, and neither does the map of epitopes.",
    "Use one of the nearest names, or add a record of your own with `--add FILE`.",
)
EVIDENCE_FILE = declare(
    "E-EVIDENCE-FILE",
    "A file of evidence cannot be read, or does not hold a list of records.",
    "Write YAML or JSON with a key `records`; the schema is published in the reference.",
)
EVIDENCE_RECORD = declare(
    "E-EVIDENCE-RECORD",
    "A record of evidence breaks the schema.",
    "Run `imscope evidence check FILE`; it prints one line per problem.",
)
EVIDENCE_NO_PROXY = declare(
    "E-EVIDENCE-NO-PROXY",
    "The marker is not the product of one gene, so no RNA count stands for it.",
    "Measure it as protein or glycan (flow cytometry, antibody tags), or choose another marker.",
)
EVIDENCE_PLACEHOLDER = declare(
    "E-EVIDENCE-PLACEHOLDER",
    "The published gene list is not bundled, so nothing can be scored with it.",
    "Take the list from the paper and give it as a gene set of your own.",
)
EVIDENCE_INDICATION = declare(
    "E-EVIDENCE-INDICATION",
    "No indication of this name is registered.",
    "Use one of the names listed.",
)
