"""Which measured features can be part of a sort gate: on the surface, stainable, not contested."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imscope.core.schema import TABLES
from imscope.evidence.surface import (
    SURFACE,
    Target,
    antibody_target,
    marker_notes,
    read_antibodies,
    surface_proteins,
)

if TYPE_CHECKING:
    import pandas as pd

PROTEASE_SENSITIVE = {
    "NGFR": "strongly", "MCAM": "strongly", "VCAM1": "partly", "ENG": "partly", "CD44": "partly",
    "PDGFRA": "partly", "CD4": "partly", "NCAM1": "partly",
}  # fmt: skip
"""Antigens that trypsin or collagenase takes off the cell; how much depends on enzyme and time."""
_NO_RNA = {
    "glycan": "a sugar: RNA of its enzyme is no proxy",
    "splice_form": "a splice form: 3' counts cannot tell it from the others",
    "no_gene": "the epitope is not one gene product",
}


def candidate_markers(
    features: Sequence[str] = (),
    proteins: Sequence[str] = (),
    *,
    antibodies: str | Path | None = None,
) -> "pd.DataFrame":
    """Tell for every measured feature whether a sort gate may use it.

    Parameters
    ----------
    features
        RNA features, HGNC symbols.
    proteins
        Antibodies as named in the data.
    antibodies
        Table of antibodies on the market (tab-separated, column ``gene``). With it, RNA of a gene
        without an antibody is excluded; without it, availability is left open.

    Returns
    -------
    table
        ``gate_candidates``, one row per feature, RNA first.

    Raises
    ------
    DataError
        The table of antibodies cannot be read.

    Notes
    -----
    Measured proteins are offered unless they are known not to be on the surface: the antibody was
    bound, so a missing list entry is no proof. RNA has to be in one of the surface lists.

    Examples
    --------
    >>> t = candidate_markers(["ENG", "GAPDH", "FUT4"], ["CD15", "CD45RA"])
    >>> t["status"].tolist()
    ['flagged', 'excluded', 'excluded', 'allowed', 'allowed']
    """
    import pandas as pd

    stock = read_antibodies(antibodies) if antibodies is not None else None
    present = {f.upper() for f in features}
    rows = [_row(f, "rna", _rna_target(f), present, stock) for f in features]
    rows += [_row(p, "protein", antibody_target(p), present, stock) for p in proteins]
    declared = TABLES["gate_candidates"]
    frame = pd.DataFrame(rows, columns=[c.name for c in declared.columns])
    frame["antibodies"] = frame["antibodies"].astype("int64")
    for name in ("never_alone", "always_offered"):
        frame[name] = frame[name].astype(bool)
    return declared.check(frame)


def handling_warning(gene: str) -> str:
    """What detaching cells does to an antigen, in words; empty when nothing is known.

    Examples
    --------
    >>> handling_warning("NGFR").startswith("strongly")
    True
    """
    how = PROTEASE_SENSITIVE.get(gene)
    if how is None:
        return ""
    return f"{how} protease sensitive: detach with an enzyme-free buffer or test the loss"


def _rna_target(symbol: str) -> Target:
    protein = surface_proteins().get(symbol.upper())
    kind = "glycan" if protein and protein.status == "glycan_epitope" else "protein"
    return Target(symbol, kind)


def _row(
    name: str, modality: str, target: Target, present: set[str], stock: dict[str, int] | None
) -> dict[str, object]:
    protein = surface_proteins().get(target.gene)
    note = marker_notes().get(target.gene)
    status = protein.status if protein else "unknown"
    stop = (
        _why_not_rna(target, status, present)
        if modality == "rna"
        else _why_not_protein(target, status)
    )
    n = -1 if stock is None else stock.get(target.gene, 0)
    if not stop and modality == "rna" and n == 0:
        stop = "no antibody in the table given"
    said = [stop] if stop else []
    if note is not None and target.kind in ("protein", "glycan"):
        said.append(note.note)
    elif target.kind == "unknown":
        said.append("name not known: check that the antibody binds the outside of the cell")
    if (warning := handling_warning(target.gene)) and not stop:
        said.append(warning)
    flag = note.flag if note is not None and target.kind == "protein" else "none"
    exclusion = flag == "exclusion"
    flagged = flag not in ("none", "exclusion")
    return {
        "feature": name,
        "modality": modality,
        "gene": target.gene,
        "target": target.kind,
        "surface_status": status,
        "cd_names": "|".join(protein.cd_names) if protein else "",
        "antibodies": n,
        "status": "excluded" if stop else "flagged" if flagged else "allowed",
        "flag": flag,
        "never_alone": flag == "conflict",
        "always_offered": exclusion and not stop,
        "reason": "; ".join(said),
    }


def _why_not_rna(target: Target, status: str, present: set[str]) -> str:
    if target.kind in _NO_RNA:
        return _NO_RNA[target.kind]
    if status not in SURFACE:
        return {
            "unknown": "in no list of surface proteins",
            "antigen_receptor_chain": "receptor chain: antibodies bind the pair or one variant",
            "secreted_or_dual": "mostly secreted",
            "intracellular": "inside the cell",
        }.get(status, "evidence that it is on the surface is too weak")
    partners = surface_proteins()[target.gene].partners
    absent = [p for p in partners if p not in present]
    if absent:
        return f"antibodies bind it together with {', '.join(absent)}, which is not measured"
    return ""


def _why_not_protein(target: Target, status: str) -> str:
    return "inside the cell" if status == "intracellular" and target.kind == "protein" else ""
