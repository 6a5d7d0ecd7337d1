"""Every error and warning code, declared once; the docs page is made from this list.

``E-`` codes stop the work. ``W-`` codes are recorded in ``results.json`` and shown in the report.
Each room's codes stand in a file of their own and are used from here, as ``codes.RUN_FOLDER``.
"""

from imscope.core.code_book import CODES as CODES
from imscope.core.code_book import Code as Code
from imscope.core.code_book import declare as declare
from imscope.core.codes.app import *
from imscope.core.codes.cells import *
from imscope.core.codes.clones import *
from imscope.core.codes.dynamics import *
from imscope.core.codes.engine import *
from imscope.core.codes.evidence import *
from imscope.core.codes.flow import *
from imscope.core.codes.gates import *
from imscope.core.codes.heterogeneity import *
from imscope.core.codes.identity import *
from imscope.core.codes.io_files import *
from imscope.core.codes.io_names import *
from imscope.core.codes.io_text import *
from imscope.core.codes.modalities import *
from imscope.core.codes.potency import *
from imscope.core.codes.regulators import *
from imscope.core.codes.release import *
from imscope.core.codes.safety import *
from imscope.core.codes.screens import *
from imscope.core.codes.simulate import *
from imscope.core.codes.study import *
from imscope.core.codes.subsets import *
