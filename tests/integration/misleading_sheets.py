"""Sample sheets as people write them: right values with a notice, or all faults at once."""

import importlib.util
import sys
from pathlib import Path

if "misleading" not in sys.modules:  # looked at on its own, as the search for examples does
    _spec = importlib.util.spec_from_file_location(
        "misleading", Path(__file__).with_name("misleading.py")
    )
    sys.modules["misleading"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["misleading"])

Case = sys.modules["misleading"].Case
WRONG: list[Case] = []
RIGHT: list[Case] = []


def sheet(folder, text, name="samples.csv"):
    for sample in "abcd":
        (folder / f"{sample}.h5ad").write_bytes(b"x")
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder / name


def column(header, *values, sep=","):
    """A sheet with one more column."""
    lines = [sep.join(("sample", "path", header))]
    lines += [sep.join((s, f"{s}.h5ad", v)) for s, v in zip("abcd", values, strict=False)]
    return "\n".join(lines) + "\n"


def right(name, text, code, holds):
    RIGHT.append(Case(f"sheet_{name}", lambda f: sheet(f, text), code, holds, "sheet"))


def wrong(name, text, code="E-SHEET-VALUE"):
    WRONG.append(Case(f"sheet_{name}", lambda f: sheet(f, text), code, reader="sheet"))


def equals(name, *values):
    def holds(frame):
        got = [None if v != v or v is None else v for v in frame[name].astype(object)]
        return got == list(values)

    return holds


# headers
for header, factor in {
    "Donor": "donor", "DONOR ID": "donor", "Donor #": "donor", "Patient": "donor",
    "Donor / line": "donor", "Lot": "lot", "Lot #": "lot", "lot no.": "lot", "LOT_NUMBER": "lot",
    "Clone": "clone", "Clone ID": "clone", "iPSC line": "line", "Batch": "batch", "Run": "batch",
    "Condition": "condition", "Treatment": "condition", "Operator": "operator", "Pair ID": "pair",
    "\u200bdonor": "donor", "lot\u00a0": "lot", "Platform": "platform", "Chemistry": "platform",
}.items():  # fmt: skip
    known = header.strip("\u200b\u00a0") == factor
    right(
        f"header_{header.encode('unicode_escape').decode()}", column(header, "x1", "x2"),
        "W-SHEET-CHARACTERS" if known else "W-SHEET-COLUMNS", equals(factor, "x1", "x2"),
    )  # fmt: skip
for header in ("Passage", "passage no", "P no.", "Passage number"):
    right(f"header_{header}", column(header, "4", "5"), "W-SHEET-COLUMNS", equals("passage", 4, 5))
for header in ("PDL (cum.)", "PD", "cPDL", "Population doublings", "Cumulative PDL"):
    text = column(header, "12.5", "18")
    right(f"header_{header}", text, "W-SHEET-COLUMNS", equals("population_doublings", 12.5, 18.0))
for header in ("Cell type ", "Source class", "CELL TYPE"):
    text = column(header, "iMSC", "iPSC")
    right(f"header_{header}", text, "W-SHEET-COLUMNS", equals("source_class", "iMSC", "iPSC"))
for header in ("pasage", "popluation_doublings", "doner", "condtion", "clonne", "souce_class"):
    wrong(f"misspelt_{header}", column(header, "1", "2"), "E-SHEET-COLUMN")
wrong("two_lots", "sample,path,Lot no,Lot number\na,a.h5ad,1,2\n", "E-SHEET-COLUMN")
wrong("lot_twice_by_case", "sample,path,lot,Lot\na,a.h5ad,1,2\n", "E-SHEET-COLUMN")
wrong("nameless_column", "sample,path,,lot\na,a.h5ad,x,2\n", "E-SHEET-COLUMN")
right("empty_column", "sample,path,,lot\na,a.h5ad,,2\n", "", equals("lot", "2"))
right(
    "library_is_the_sample",
    "Library ID,path\na,a.h5ad\n",
    "W-SHEET-COLUMNS",
    lambda f: "a" in f.index,
)
right("excel_sep_line", "sep=;\nsample;path;lot\na;a.h5ad;L1\n", "", equals("lot", "L1"))
right("covariate", column("medium", "alpha", "beta"), "W-SHEET-COVARIATES",
      equals("medium", "alpha", "beta"))  # fmt: skip

# passages
for text, value in {
    "P4": 4,
    "p 05": 5,
    "4.0": 4,
    "passage 7": 7,
    "P4+2": 6,
    "4+2": 6,
    "P.3": 3,
}.items():
    code = "W-SHEET-VALUES" if "+" in text else ""
    right(f"passage_{text}", column("passage", text, "5"), code, equals("passage", value, 5))
for text in (
    "P3-P5",
    "3/4",
    "05-Mar",
    "Mar-05",
    "2024-05-03",
    "late",
    "~4",
    "P4.5",
    "4 or 5",
    ">3",
):
    wrong(f"passage_{text.replace('/', '|')}", column("passage", text, "5"))
# numbers
for text, value in {
    "12,5": 12.5,
    "12,0": 12.0,
    "1.234,5": 1234.5,
    "12.5 PD": 12.5,
    "1e1": 10.0,
}.items():
    right(
        f"doublings_{text}", column("population_doublings", text, "3", sep=";"),
        "" if text == "1e1" else "W-SHEET-VALUES", equals("population_doublings", value, 3.0),
    )  # fmt: skip
right(
    "quoted_decimal_comma",
    'sample,path,day\na,a.h5ad,"1,5"\n',
    "W-SHEET-VALUES",
    equals("day", 1.5),
)
wrong("thousands_or_decimal", 'sample,path,day\na,a.h5ad,"1,234"\n')
for text in ("~12", "ca. 12", "10-12", ">20", "12±1", "many", "12 weeks", "1.2.3", "12..5", "-3"):
    wrong(f"doublings_{text}", column("population_doublings", text, "3"))
for text, value in {"D14": 14.0, "14 days": 14.0, "day 14": 14.0, "14 d": 14.0}.items():
    right(f"day_{text}", column("day", text, "3"), "W-SHEET-VALUES", equals("day", value, 3.0))
for text in ("2 weeks", "D14-D21", "week 2"):
    wrong(f"day_{text}", column("day", text, "3"))
right("age_years", column("Age", "35 y", "40"), "W-SHEET-VALUES", equals("donor_age", 35.0, 40.0))
right(
    "percent",
    column("viability", "93.5%", "88 %"),
    "W-SHEET-VALUES",
    equals("viability", 93.5, 88.0),
)
wrong("percent_and_share", column("viability", "93.5%", "0.88"))
right("comma_covariate", column("viability", "93,5", "88,1", sep=";"), "W-SHEET-VALUES",
      equals("viability", 93.5, 88.1))  # fmt: skip
# dates
for text in ("03.05.2024", "2024-05-03", "2024/05/03", "3 May 2024", "May 3, 2024", "20240503",
             "2024-05-03 00:00:00"):  # fmt: skip
    code = "W-SHEET-VALUES" if text.startswith("03.") else ""
    right(
        f"date_{text.replace('/', '|')}",
        f'sample,path,collected_at\na,a.h5ad,"{text}"\n', code, equals("collected_at", "2024-05-03"),  # noqa: E501
    )  # fmt: skip
right("date_settled_by_column", column("collected_at", "3/5/2024", "25/5/2024"), "W-SHEET-VALUES",
      equals("collected_at", "2024-05-03", "2024-05-25"))  # fmt: skip
for text in ("3/5/2024", "45415", "31.02.2024", "May 2024", "yesterday", "03.05.24"):
    wrong(f"date_{text.replace('/', '|')}", column("collected_at", text))
# missing values and spellings
for word in ("NA", "N/A", "n/a", "-", "--", "?", "NaN", "null", "none", "unknown", "."):
    right(f"missing_{word.replace('/', '|')}", column("donor", word, "D1"), "W-SHEET-MISSING",
          equals("donor", None, "D1"))  # fmt: skip
for word in ("#REF!", "#N/A", "#VALUE!", "#DIV/0!", "#NAME?", "#BEZUG!", "#NV"):
    wrong(f"formula_{word.replace('/', '|')}", column("donor", word, "D1"), "E-SHEET-FORMULA")
for a, b in (
    ("Donor1", "donor1"),
    ("Donor 1", "Donor1"),
    ("D01", "D1"),
    ("D-1", "D_1"),
    ("L1", "l1"),
):
    right(f"spelling_{a}_{b}", column("donor", a, b), "W-SHEET-LEVELS", equals("donor", a, b))
right("platform_spellings", column("platform", "10x 3' v3", "10X_3p_v3", "10x Chromium 3\u2032 v3"),
      "W-SHEET-LEVELS", lambda f: f["platform"].nunique() == 3)  # fmt: skip
right(
    "id_made_a_date", column("lot", "2-Jan", "L7"), "W-SHEET-LEVELS", equals("lot", "2-Jan", "L7")
)
right("zeros_are_kept", column("lot", "007", "012"), "", equals("lot", "007", "012"))
right("zeros_of_covariates", column("vial", "007", "012"), "W-SHEET-COVARIATES",
      equals("vial", "007", "012"))  # fmt: skip
right("long_ids", column("vial", "12345678901234567", "2"), "W-SHEET-COVARIATES",
      equals("vial", "12345678901234567", "2"))  # fmt: skip
right(
    "id_like_a_power",
    column("vial", "1E5", "2E7"),
    "W-SHEET-COVARIATES",
    equals("vial", "1E5", "2E7"),
)
# sources
for word, tissue in {"MSC": None, "BM-MSC": "bone_marrow", "UC-MSC": "umbilical_cord", "hMSC": None,
                     "AD-MSC": "adipose", "hBM-MSC": "bone_marrow", "WJ-MSC": "whartons_jelly",
                     "MSC (bone marrow)": "bone_marrow", "ADSC": "adipose", "BMSC": "bone_marrow",
                     "primary MSC": None, "mesenchymal stromal cells": None}.items():  # fmt: skip

    def holds(frame, tissue=tissue):
        good = frame["source_class"].tolist() == ["primary_MSC", "iMSC"]
        return good and (tissue is None or frame["source_tissue"].iloc[0] == tissue)

    right(f"class_{word}", column("source_class", word, "iMSC"), "W-SHEET-VALUES", holds)
for word in ("iMSCs", "i-MSC", "iPSC-MSC", "iPSC-derived MSC", "imsc", "induced MSC"):
    right(f"class_{word}", column("source_class", word, "iPSC"), "W-SHEET-VALUES",
          equals("source_class", "iMSC", "iPSC"))  # fmt: skip
for word in ("fibroblast_x", "bone marrow", "HUVEC", "stem cell", "MSC-iPSC"):
    wrong(f"class_{word}", column("source_class", word), "E-SHEET-WORD")
wrong("class_against_tissue", "sample,path,source_class,source_tissue\na,a.h5ad,BM-MSC,adipose\n",
      "E-SHEET-LEVELS")  # fmt: skip
for word, tissue in {"BM": "bone_marrow", "Bone marrow": "bone_marrow", "Wharton\u2019s jelly":
                     "whartons_jelly", "fat": "adipose", "cord": "umbilical_cord"}.items():  # fmt: skip  # noqa: E501
    right(
        f"tissue_{word}", column("tissue", word), "W-SHEET-VALUES", equals("source_tissue", tissue)
    )
# samples and paths
for name in ("NA", "a b", "a/b", "-", "a\u00a0b"):
    wrong(f"sample_{name.replace('/', '|')}", f"sample,path\n{name},a.h5ad\n", "E-SHEET-SAMPLE")
wrong("windows_path", "sample,path\na,C:\\data\\a.h5ad\n", "E-SHEET-PATH")
wrong("path_na", "sample,path\na,NA\n", "E-SHEET-PATH")


MANY = "sample,path,passage,donor,collected_at\na,no.h5ad,late,#REF!,3/5/2024\na,b.h5ad,4,D1,\n"
WRONG.append(Case("sheet_many_faults", lambda f: sheet(f, MANY), "E-SHEET-PATH", reader="sheet"))


# spreadsheets
def book(change):
    def make(folder):
        from openpyxl import Workbook

        for sample in "ab":
            (folder / f"{sample}.h5ad").write_bytes(b"x")
        made = Workbook()
        page = made.active
        for row in (
            ["sample", "path", "lot", "day"],
            ["a", "a.h5ad", "L1", 3],
            ["b", "b.h5ad", "L2", 4],
        ):
            page.append(row)
        change(made, page)
        made.save(folder / "s.xlsx")
        return folder / "s.xlsx"

    return make


def zeros(made, page):
    page["C2"], page["C3"] = 7, 12
    page["C2"].number_format = page["C3"].number_format = "000"


def hidden(made, page):
    page.row_dimensions[3].hidden = True


def second(made, page):
    made.create_sheet("other").append(["x", "y"])


WRONG += [
    Case("xlsx_merged", book(lambda m, p: p.merge_cells("C2:C3")), "E-SHEET-MERGED", reader="sheet"),  # noqa: E501
    Case("xlsx_formula", book(lambda m, p: p.__setitem__("D2", "=1+2")), "E-SHEET-FORMULA",
         reader="sheet"),
    Case("xlsx_error", book(lambda m, p: p.__setitem__("C2", "#REF!")), "E-SHEET-FORMULA",
         reader="sheet"),
]  # fmt: skip
RIGHT += [
    Case("xlsx_plain", book(lambda m, p: None), "", equals("lot", "L1", "L2"), "sheet"),
    Case("xlsx_zeros", book(zeros), "", equals("lot", "007", "012"), "sheet"),
    Case(
        "xlsx_hidden_row", book(hidden), "W-SHEET-SPREADSHEET", equals("lot", "L1", "L2"), "sheet"
    ),
    Case("xlsx_two_pages", book(second), "W-SHEET-SPREADSHEET", equals("lot", "L1", "L2"), "sheet"),
]
