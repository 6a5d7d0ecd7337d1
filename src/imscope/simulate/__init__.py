"""Data with known truth: simulated cohorts and day series, never reachable from an estimator."""

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
from imscope.simulate.passages import (
    PassageSettings,
    PassageStudy,
    simulate_passages,
    write_passages,
)
from imscope.simulate.settings import CohortSettings
from imscope.simulate.timecourse import Timecourse, simulate_timecourse
from imscope.simulate.timecourse_settings import TimecourseSettings
from imscope.simulate.truth import TrueIndex, true_components, true_index

__all__ = [
    "Cohort",
    "CohortSettings",
    "KaryotypeLot",
    "KaryotypeSettings",
    "PassageSettings",
    "PassageStudy",
    "PeakLayer",
    "ProteinLayer",
    "SimulatedSample",
    "Timecourse",
    "TimecourseSettings",
    "TrueIndex",
    "remove_cohort",
    "simulate_cohort",
    "simulate_karyotype_lot",
    "simulate_passages",
    "simulate_peaks",
    "simulate_protein",
    "simulate_timecourse",
    "true_components",
    "true_index",
    "true_indices",
    "write_cohort",
    "write_passages",
]
