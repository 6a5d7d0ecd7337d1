"""Write the reference pages that follow from declarations: errors and tables.

python tools/build_reference.py            # writes docs/reference/errors.md and tables.md
"""

from pathlib import Path

from imscope.core.codes import CODES
from imscope.core.schema import TABLES

FOLDER = Path(__file__).parents[1] / "docs" / "reference"


def errors_page() -> str:
    """Every code with its meaning and the next step."""
    lines = [
        "# Errors and warnings",
        "",
        "Made from `imscope/core/codes.py` by `tools/build_reference.py`. Codes that begin with "
        "`E-` stop the work; codes that begin with `W-` are recorded in `results.json` and shown "
        "in the report.",
        "",
        "| code | meaning | what to do |",
        "|---|---|---|",
    ]
    for code in sorted(CODES):
        entry = CODES[code]
        lines.append(f"| `{code}` | {_cell(entry.meaning)} | {_cell(entry.fix)} |")
    return "\n".join(lines) + "\n"


def tables_page() -> str:
    """Every declared table with its columns."""
    lines = [
        "# Tables",
        "",
        "Made from `imscope/core/schema.py` by `tools/build_reference.py`. Each table is in the "
        "run folder as `tables/NAME.parquet` and `tables/NAME.tsv`.",
    ]
    for table in TABLES.values():
        more = " Further columns may follow." if table.open_ended else ""
        lines += ["", f"## {table.name}", "", table.meaning + more, ""]
        lines += ["| column | kind | unit | meaning |", "|---|---|---|---|"]
        for column in table.columns:
            kind = column.kind + (", optional" if column.optional else "")
            lines.append(
                f"| `{column.name}` | {kind} | {_cell(column.unit)} | {_cell(column.meaning)} |"
            )
    return "\n".join(lines) + "\n"


PAGES = {"errors.md": errors_page, "tables.md": tables_page}


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write all pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
