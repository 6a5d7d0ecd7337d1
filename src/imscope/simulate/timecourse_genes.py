"""Genes that the stages of a simulated day series express, and those on chromosome arm 17q."""

STAGE_GENES: dict[str, tuple[str, ...]] = {
    "pluripotent": (
        *("LIN28A", "POU5F1", "NANOG", "DPPA4", "L1TD1", "ZFP42", "DNMT3B", "ESRG", "MIR302CHG"),
        *("LINC00678", "VRTN", "EPCAM", "CDH1", "CLDN6", "CLDN7", "ESRP1"),
    ),
    "streak": ("TBXT", "MIXL1", "EOMES", "GSC", "DNMT3B", "L1TD1"),
    "mesoderm": ("MESP1", "TBX6", "MSGN1", "FOXF1", "HAND1"),
    "mesenchymoangioblast": ("APLNR", "PDGFRA", "KDR", "FOXF1", "HAND1"),
    "endothelial_core": ("PECAM1", "CDH5", "TEK", "KDR", "FLT1", "ESAM", "EMCN"),
    "primitive_mesenchyme": ("PDGFRB", "NGFR", "EMCN", "DLK1", "COL1A1", "COL3A1"),
    "neural_crest": (
        *("SOX10", "TFAP2A", "TFAP2B", "FOXD3", "PAX3", "NGFR", "ETS1", "SNAI2", "MSX1", "EDNRB"),
    ),
    "msc": (
        *("NT5E", "THY1", "ENG", "LOX", "COL1A1", "COL1A2", "COL3A1", "COL5A1", "POSTN", "LUM"),
        *("COL6A1", "COL6A2", "COL6A3", "FN1", "SPARC", "DCN", "FBN1", "TIMP1", "PDGFRB"),
    ),
    "pericyte": (
        *("PDGFRB", "CSPG4", "MCAM", "RGS5", "NOTCH3", "KCNJ8", "ABCC9", "HIGD1B", "COX4I2"),
        *("COL1A1", "COL1A2", "SPARC", "NES"),
    ),
    "smooth_muscle": (
        *("ACTA2", "CNN1", "MYH11", "ACTG2", "LMOD1", "TAGLN", "MYL9", "TPM2", "COL1A1", "COL1A2"),
        *("COL3A1", "SPARC", "MYOCD", "DES", "KCNMB1", "SMTN", "CASQ2", "PLN"),
    ),
    "cardiac": ("TNNT2", "NKX2-5", "MYH6", "ACTN2"),
    "trophoblast": ("CGA", "CGB3", "GCM1", "ERVW-1", "XAGE2"),
}
"""Genes that are on in each stage; every stage leaves the genes of the others off."""

ALSO_NAMED = {
    "MYOCD": "ENSG00000141052",
    "DES": "ENSG00000175084",
    "KCNMB1": "ENSG00000145936",
    "SMTN": "ENSG00000183963",
    "CASQ2": "ENSG00000118729",
    "PLN": "ENSG00000198523",
}
"""Late genes of smooth muscle that take the places of the last unnamed genes of the table."""

STROMAL = ("COL1A1", "COL1A2", "COL3A1", "COL6A1", "COL6A2", "FN1", "SPARC", "TAGLN", "MYL9")
"""Abundant in a resting stromal cell; a stage that does not list them has little of them."""

SOMETIMES: dict[str, dict[str, float]] = {
    "mesoderm": {"APLNR": 0.4, "PDGFRA": 0.4, "KDR": 0.2},
    "streak": {"APLNR": 0.2, "POU5F1": 0.5, "LIN28A": 0.5},
    "msc": {"PDGFRA": 0.4, "MCAM": 0.4, "NES": 0.4, "ACTA2": 0.3, "CNN1": 0.3, "RUNX2": 0.15},
    "primitive_mesenchyme": {"PDGFRA": 0.4, "MCAM": 0.3},
}
"""Genes that some cells of a stage express, with their share; never three that make another."""

ELSEWHERE = (
    *("RUNX2", "ALPL", "SP7", "SPP1", "BGLAP", "IBSP", "DMP1", "PHEX", "SATB2", "DLX5", "MSX2"),
    *("SOX1", "PAX6", "MAP2", "STMN2", "ELAVL4", "DCX", "KRT19", "SOX17", "FOXA2", "AFP", "TTR"),
    *("APOA1", "PTPRC", "SPI1", "GYPA", "RUNX1", "CD34", "PAX7", "B3GAT1", "ERBB3", "PLP1"),
    *("LINC-ROR", "PRDM14"),
)
"""Genes of lineages that are not simulated; nearly silent unless a stage lists them."""

ARM_17Q = (
    *("RPL23A", "RPL23", "RPL19", "RPL27", "RPL38", "P4HB", "SMURF2", "NGFR", "PECAM1", "HIGD1B"),
    *("COL1A1", "SOX9", "TIMP2", "CDC6", "BRIP1", "BIRC5", "TOP2A", "JPT1", "IGFBP4", "SOCS3"),
    *("FDXR", "KRT19", "KPNA2", "SKAP1", "HLF", "SLC35B1", "DUS1L", "ALYREF", "ATAD5", "BAIAP2"),
    *("PDK2", "MED13", "TUBG1", "LIMD2", "MRPS23", "TRIM37", "ATP5PD", "RAC3", "FZD2", "TMC6"),
    *("TAF15", "TEN1", "HDAC5", "NT5C", "TEPSIN", "COIL", "SLC25A39", "MGAT5B", "CLTC", "SUMO2"),
    *("AP2B1", "TP53I13", "ITGA3", "EME1", "WBP2", "AATF", "MKS1", "CEP131", "PLEKHM1", "HEXIM1"),
    *("NARF", "LYRM9", "ZNHIT3", "RHBDF2", "KIF18B", "CBX1", "SLC25A19", "NHERF1", "STXBP4"),
    *("FOXK2", "HEATR6", "MSL1", "RNF213", "FN3K", "SLC16A6", "PRPSAP1", "CCDC57", "ANKRD13B"),
)
"""Genes on the long arm of chromosome 17; enough for a gain when no full mapping is given."""
