"""Whether genotype can be told from plate and donor: said before anything else."""

from typing import TYPE_CHECKING

from imscope.core import codes

if TYPE_CHECKING:
    import pandas as pd


def confounding(wells: "pd.DataFrame") -> list[str]:
    """Sentences on what genotype is confounded with; empty when nothing is.

    Parameters
    ----------
    wells
        With ``role``, ``plate``, ``row``, and ``donor``, ``line`` or ``genotype`` where known.

    Examples
    --------
    >>> import pandas as pd
    >>> wells = pd.DataFrame({"role": ["patient_vehicle", "corrected_vehicle"], "plate": ["1", "2"],
    ...                       "row": [1, 1]})
    >>> confounding(wells)[0].split(":")[0]
    'W-PLATE-CONFOUNDED'
    """
    patient = wells[wells["role"] == "patient_vehicle"]
    corrected = wells[wells["role"] == "corrected_vehicle"]
    if not len(patient) or not len(corrected):
        return []
    out = []
    a, b = set(patient["plate"]), set(corrected["plate"])
    if not a & b:
        out.append(
            "patient and corrected wells share no plate: line and plate cannot be told apart"
        )
    elif a ^ b:
        out.append(f"{len(a ^ b)} plates hold only one of the two lines")
    if not set(patient["row"]) & set(corrected["row"]) and len(set(wells["row"])) > 1 and a & b:
        out.append("the two lines share no row of the plates: line and row cannot be told apart")
    if "donor" in wells:
        da, db = set(patient["donor"].astype(str)), set(corrected["donor"].astype(str))
        if not da & db:
            out.append(
                f"the lines come from different donors ({', '.join(sorted(da))} against "
                f"{', '.join(sorted(db))}): disease and donor cannot be told apart"
            )
    said = [f"{codes.W_PLATE_CONFOUNDED}: {text}" for text in out]
    lines = set(patient["line"].astype(str)) if "line" in wells else set()
    if len(lines) < 2:
        said.append(
            f"{codes.W_PLATE_LINES}: patient cells come from "
            f"{'one line' if lines else 'lines that are not named'}"
        )
    return said
