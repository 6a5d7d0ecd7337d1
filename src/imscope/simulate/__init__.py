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
from imscope.simulate.potency import (
    LotSettings,
    SimulatedLots,
    simulate_assay,
    simulate_lots,
    write_potency,
)
from imscope.simulate.regulators import (
    RegulatorSettings,
    RegulatorWorld,
    simulate_regulators,
    write_regulators,
)
from imscope.simulate.screen_cells import SimulatedCells, simulate_cell_screen
from imscope.simulate.screen_files import simulate_screen, write_screen_simulation
from imscope.simulate.screen_plates import simulate_plates, simulate_rescue
from imscope.simulate.screen_pooled import SimulatedScreen, simulate_pooled, simulate_sorted
from imscope.simulate.settings import CohortSettings
from imscope.simulate.timecourse import Timecourse, simulate_timecourse
from imscope.simulate.timecourse_settings import TimecourseSettings
from imscope.simulate.truth import TrueIndex, true_components, true_index

__all__ = [
    "Cohort",
    "CohortSettings",
    "KaryotypeLot",
    "KaryotypeSettings",
    "LotSettings",
    "PassageSettings",
    "PassageStudy",
    "PeakLayer",
    "ProteinLayer",
    "RegulatorSettings",
    "RegulatorWorld",
    "SimulatedCells",
    "SimulatedLots",
    "SimulatedSample",
    "SimulatedScreen",
    "Timecourse",
    "TimecourseSettings",
    "TrueIndex",
    "remove_cohort",
    "simulate_assay",
    "simulate_cell_screen",
    "simulate_cohort",
    "simulate_karyotype_lot",
    "simulate_lots",
    "simulate_passages",
    "simulate_peaks",
    "simulate_plates",
    "simulate_pooled",
    "simulate_protein",
    "simulate_regulators",
    "simulate_rescue",
    "simulate_screen",
    "simulate_sorted",
    "simulate_timecourse",
    "true_components",
    "true_index",
    "true_indices",
    "write_cohort",
    "write_passages",
    "write_potency",
    "write_regulators",
    "write_screen_simulation",
]
