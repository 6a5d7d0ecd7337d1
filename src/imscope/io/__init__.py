"""Files in and out: guarded readers, the sample sheet, gene names, atomic writers.

Examples
--------
>>> from imscope import io
>>> io.read_counts.__name__
'read_counts'
"""

from typing import TYPE_CHECKING

from imscope.core.rooms import open_room

if TYPE_CHECKING:
    from imscope.io.cells import write_cells as write_cells
    from imscope.io.counts import read_counts as read_counts
    from imscope.io.fcs import FlowData as FlowData
    from imscope.io.fcs import compensate as compensate
    from imscope.io.fcs import read_fcs as read_fcs
    from imscope.io.fragments import parse_peaks as parse_peaks
    from imscope.io.fragments import read_fragments as read_fragments
    from imscope.io.gating_ml import RectangleGate as RectangleGate
    from imscope.io.gating_ml import read_gating_ml as read_gating_ml
    from imscope.io.gating_ml import write_gating_ml as write_gating_ml
    from imscope.io.genes import gene_classes as gene_classes
    from imscope.io.genes import gene_table as gene_table
    from imscope.io.genes import map_genes as map_genes
    from imscope.io.multimodal import MultiModal as MultiModal
    from imscope.io.multimodal import read_mudata_file as read_mudata_file
    from imscope.io.multimodal import write_mudata as write_mudata
    from imscope.io.notice import Notice as Notice
    from imscope.io.open import annotate as annotate
    from imscope.io.open import open_cells as open_cells
    from imscope.io.raw import Modality as Modality
    from imscope.io.sheet import SampleRow as SampleRow
    from imscope.io.sheet import SampleSheet as SampleSheet
    from imscope.io.sheet import read_sheet as read_sheet
    from imscope.io.sheet import sample_sheet_schema as sample_sheet_schema
    from imscope.io.store import open_store as open_store
    from imscope.io.store import write_store as write_store
else:
    __all__, __getattr__, __dir__ = open_room(__name__)
