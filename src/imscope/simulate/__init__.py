"""Data with known truth: cohorts of simulated libraries, never reachable from an estimator."""

from imscope.simulate.cohort import Cohort, SimulatedSample, simulate_cohort
from imscope.simulate.files import remove_cohort, write_cohort
from imscope.simulate.indices import true_indices
from imscope.simulate.karyotype import (
    KaryotypeLot,
    KaryotypeSettings,
    simulate_karyotype_lot,
)
from imscope.simulate.modalities import (
    PeakLayer,
    ProteinLayer,
    simulate_peaks,
    simulate_protein,
)
from imscope.simulate.settings import CohortSettings
from imscope.simulate.truth import TrueIndex, true_components, true_index

__all__ = [
    "Cohort",
    "CohortSettings",
    "KaryotypeLot",
    "KaryotypeSettings",
    "PeakLayer",
    "ProteinLayer",
    "SimulatedSample",
    "TrueIndex",
    "remove_cohort",
    "simulate_cohort",
    "simulate_karyotype_lot",
    "simulate_peaks",
    "simulate_protein",
    "true_components",
    "true_index",
    "true_indices",
    "write_cohort",
]
