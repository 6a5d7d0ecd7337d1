"""Genes of the simulated cohort: names, resting expression and programmes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import resources

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope.core.errors import UsageError
from imscope.core.rng import spawn

PROGRAMMES: dict[str, tuple[str, ...]] = {
    "matrix": (
        *("COL1A1", "COL1A2", "COL3A1", "COL5A1", "COL5A2", "COL6A1", "COL6A2", "COL6A3"),
        *("FN1", "SPARC", "DCN", "LUM", "BGN", "POSTN", "FBN1", "LOX", "THBS1", "TIMP1"),
    ),
    "contractile": (
        *("ACTA2", "TAGLN", "MYL9", "TPM1", "TPM2", "CNN1", "CCN2", "CCN1", "ANKRD1", "CALD1"),
    ),
    "progenitor": (
        *("CXCL12", "VCAM1", "LEPR", "KITLG", "ANGPT1", "PDGFRB", "NGFR", "MCAM", "NES", "IGFBP5"),
    ),
    "immune": (
        *("PTGS2", "PTGES", "TNFAIP6", "IL6", "LIF", "HGF", "LGALS1", "CXCL8", "CCL2", "HMOX1"),
    ),
    "hypoxia": (
        *("VEGFA", "SLC2A1", "PGK1", "LDHA", "ADM", "NDRG1", "BNIP3", "P4HA1", "PDK1", "ENO1"),
    ),
    "stress": (
        *("FOS", "FOSB", "JUN", "JUNB", "EGR1", "ATF3", "IER2", "HSPA1A", "HSPA1B", "DNAJB1"),
    ),
    "senescence": (
        *("CDKN1A", "CDKN2A", "CDKN2B", "GLB1", "IGFBP3", "IGFBP7", "GDF15", "SERPINE1", "MMP3"),
    ),
    "cycle_s": (
        *("MCM5", "PCNA", "TYMS", "FEN1", "MCM2", "MCM4", "RRM1", "UNG", "GINS2", "MCM6"),
        *("DTL", "PRIM1", "UHRF1", "RRM2", "CDC6", "CLSPN", "SLBP", "E2F8", "CHAF1B", "TIPIN"),
    ),
    "cycle_g2m": (
        *("HMGB2", "CDK1", "NUSAP1", "UBE2C", "BIRC5", "TPX2", "TOP2A", "NDC80", "CKS2", "NUF2"),
        *("CKS1B", "MKI67", "CENPF", "TACC3", "SMC4", "CCNB2", "AURKB", "BUB1", "KIF11", "CDC20"),
    ),
}
"""Genes of each simulated programme; those absent from the gene table in use are left out."""

STATES = ("matrix", "contractile", "progenitor", "immune")
"""Subsets of the simulated cohort: each raises the programme of the same name."""

_ABUNDANT = (
    *("VIM", "ACTB", "GAPDH", "TMSB10", "TMSB4X", "FTH1", "FTL", "EEF1A1", "LGALS1", "S100A6"),
    *("TPT1", "MT2A", "ANXA2", "TUBA1B", "CFL1", "PFN1", "MYL6", "CALD1", "COL1A1", "COL1A2"),
    *("COL3A1", "FN1", "SPARC", "TAGLN", "TPM2", "MYL9", "TIMP1", "THY1", "IGFBP7", "MALAT1"),
)
HAEMOGLOBIN = ("HBA1", "HBA2", "HBB", "HBG1", "HBG2")
"""Silent in every simulated cell; in the ambient RNA through broken red blood cells."""
_SILENT = (
    *("PTPRC", "CD34", "CD14", "ITGAM", "CD79A", "CD19", "HLA-DRA", "HLA-DRB1", "SPI1", "GYPA"),
    *("POU5F1", "NANOG", "LIN28A", "DPPA4", "L1TD1", "ZFP42", "TDGF1", "DNMT3B", "ESRG", "VRTN"),
    *("LINC-ROR", "MIR302CHG", "LINC00678", "PRDM14", "TBXT", "MIXL1", "EOMES", "MESP1", "TBX6"),
    *("MSGN1", "GSC", "FOXF1", "HAND1", "APLNR", "KDR", "PECAM1", "CDH5", "TEK", "FLT1", "ESAM"),
    *("SOX10", "TFAP2A", "TFAP2B", "FOXD3", "PAX3", "PAX7", "EDNRB", "ERBB3", "PLP1", "SOX1"),
    *("PAX6", "MAP2", "STMN2", "ELAVL4", "DCX", "EPCAM", "CDH1", "KRT19", "CLDN6", "CLDN7"),
    *("ESRP1", "SOX17", "FOXA2", "AFP", "TTR", "APOA1", "NKX2-5", "MYH6", "TNNT2", "ACTN2"),
    *("RUNX1", "CGA", "CGB3", "GCM1", "ERVW-1", "XAGE2", "TERT"),
    *HAEMOGLOBIN,
)
"""Genes of lineages the cohort does not hold: pluripotent, early, neural, blood and others."""
_FEMALE, _MALE = ("XIST",), ("UTY", "DDX3Y", "EIF1AY", "KDM5D", "RPS4Y1")
_RIBOSOMAL = re.compile(r"RP[LS]\d+[AXYL]?\d*|RPLP[012]|RPSA")
_SHARE_MITOCHONDRIAL, _SHARE_RIBOSOMAL = 0.06, 0.20


@dataclass(frozen=True)
class GeneModel:
    """Simulated genes and their expression at rest.

    Attributes
    ----------
    features
        One row per gene: ``feature_id`` (Ensembl), ``symbol``.
    resting
        Share of each gene in a resting cell, shape ``(n_genes,)``, sums to 1.
    """

    features: pd.DataFrame
    resting: NDArray[np.float64]

    def renamed(self, names: Mapping[str, str]) -> "GeneModel":
        """Give the last genes other names, by symbol and id; those that are there keep theirs."""
        features = self.features.copy()
        new = [(s, i) for s, i in names.items() if s not in self._places]
        at = features.index[len(features) - len(new) :]
        for row, (symbol, feature) in zip(at, new, strict=True):
            features.loc[row, ["symbol", "feature_id"]] = symbol, feature
        return replace(self, features=features)

    def index(self, symbols: tuple[str, ...]) -> NDArray[np.intp]:
        """Columns of the named genes that are in the table."""
        place = self._places
        return np.array([place[s] for s in symbols if s in place], dtype=np.intp)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {s: i for i, s in enumerate(self.features["symbol"])}

    @cached_property
    def mitochondrial(self) -> NDArray[np.bool_]:
        """Genes of the mitochondrial genome, shape ``(n_genes,)``."""
        return self.features["symbol"].str.startswith("MT-").to_numpy(dtype=bool)

    @cached_property
    def kept(self) -> NDArray[np.bool_]:
        """Genes that count towards the index, shape ``(n_genes,)``.

        All but mitochondrial, ribosomal protein, haemoglobin and sex-linked genes, MALAT1 and
        NEAT1.
        """
        symbol = self.features["symbol"]
        out = ~self.mitochondrial & ~symbol.str.fullmatch(_RIBOSOMAL.pattern).to_numpy(dtype=bool)
        dropped = (*_FEMALE, *_MALE, *HAEMOGLOBIN, "MALAT1", "NEAT1")
        out[self.index(dropped)] = False
        return out

    def for_sex(self, sex: str) -> NDArray[np.float64]:
        """Resting shares without the genes the other sex expresses, shape ``(n_genes,)``."""
        share = self.resting.copy()
        share[self.index(_MALE if sex == "female" else _FEMALE)] *= 1e-4
        return share / share.sum()


def gene_table() -> pd.DataFrame:
    """Read the bundled 5,000 gene names: ``feature_id``, ``symbol`` and ``group``."""
    with resources.files("imscope.simulate").joinpath("data/genes.tsv").open("rb") as handle:
        return pd.read_csv(handle, sep="\t", keep_default_na=False)


def gene_model(n_genes: int, seed: int) -> GeneModel:
    """Draw the resting expression of ``n_genes`` genes.

    Parameters
    ----------
    n_genes
        Number of genes, from 1,000 to 5,000. Named marker genes come first.
    seed
        Seed of the cohort.

    Raises
    ------
    UsageError
        The number of genes is out of range.
    """
    table = gene_table()
    if not 1000 <= n_genes <= len(table):
        raise UsageError(
            "the number of simulated genes is out of range",
            found=str(n_genes),
            fix=f"choose 1000 to {len(table)}",
        )
    features = table.iloc[:n_genes].reset_index(drop=True)
    rng = spawn(seed, "genes")
    named = (features["group"] == "named").to_numpy(dtype=bool)
    weight = np.exp(rng.normal(np.where(named, -0.3, 0.0), 1.3))
    model = GeneModel(features[["feature_id", "symbol"]], weight)
    for genes in PROGRAMMES.values():
        at = model.index(genes)
        weight[at] = np.maximum(weight[at], 0.8)
    abundant = model.index(_ABUNDANT)
    weight[abundant] = np.exp(rng.normal(3.2, 0.5, len(abundant)))
    weight[model.index(_SILENT)] = 1e-4
    ribosomal = features["symbol"].str.fullmatch(_RIBOSOMAL.pattern).to_numpy(dtype=bool)
    weight[model.index(_MALE)] = 0.5
    rest = 1 - _SHARE_MITOCHONDRIAL - _SHARE_RIBOSOMAL
    for chosen, share in (
        (model.mitochondrial, _SHARE_MITOCHONDRIAL),
        (ribosomal, _SHARE_RIBOSOMAL),
        (~model.mitochondrial & ~ribosomal, rest),
    ):
        weight[chosen] *= share / weight[chosen].sum()
    return GeneModel(model.features, weight)
