"""Step: surface protein on a scale with a known zero, held against its RNA."""

from imscope.core.cells import unit_names
from imscope.core.result import Result, skip
from imscope.core.schema import PROTEIN_AGREEMENT, PROTEIN_MARKERS
from imscope.engine.agreement import compare_rna_protein
from imscope.engine.protein import normalise_protein
from imscope.evidence.surface import antibody_target
from imscope.study.step import Had, Run, Step

TABLES = (PROTEIN_MARKERS, PROTEIN_AGREEMENT)


def work_protein(run: Run, had: Had) -> Result:
    """Put surface protein on a scale with a known zero and hold it against its RNA."""
    cells = run.cells(had)
    protein = cells.modalities.get("protein")
    if protein is None:
        why = "no surface protein with one panel for all samples was found in the files"
        return skip([t.name for t in TABLES], why)
    obs = cells.obs
    names = protein.features["symbol"].astype(str).tolist()
    found = normalise_protein(protein.counts, names, obs["sample"].to_numpy())
    targets = {name: antibody_target(name) for name in found.antigens}
    agreement = compare_rna_protein(
        cells.source,
        cells.features,
        found,
        genes={name: t.gene for name, t in targets.items() if t.gene and t.kind == "protein"},
        lots=unit_names(obs, run.design.unit),
        threads=run.threads,
    )
    return Result(tables={"protein_markers": found.markers, "protein_agreement": agreement})


STEP = Step(
    "protein",
    "surface protein",
    work_protein,
    needs=("qc", "clusters"),
    settings=lambda run: run.settings(sheet=True, groups=True),
    tables=TABLES,
    share=0.5,
    rank=130,
)
