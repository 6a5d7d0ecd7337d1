"""Tables in which the parts of imscope meet: every column declared once, checked at the door.

The same declaration makes the docs page (`docs/reference/tables.md`). Each room's tables stand in a
file of their own and are used from here.
"""

from imscope.core.schema.cells import *
from imscope.core.schema.declare import DESIGN_FACTORS as DESIGN_FACTORS
from imscope.core.schema.declare import SOURCE_CLASSES as SOURCE_CLASSES
from imscope.core.schema.declare import TABLES as TABLES
from imscope.core.schema.declare import Column as Column
from imscope.core.schema.declare import Table as Table
from imscope.core.schema.dynamics import *
from imscope.core.schema.evidence import *
from imscope.core.schema.flow import *
from imscope.core.schema.gates import *
from imscope.core.schema.heterogeneity import *
from imscope.core.schema.identity import *
from imscope.core.schema.lots import *
from imscope.core.schema.modalities import *
from imscope.core.schema.potency import *
from imscope.core.schema.quality import *
from imscope.core.schema.regulators import *
from imscope.core.schema.safety import *
from imscope.core.schema.screens import *
from imscope.core.schema.subsets import *
