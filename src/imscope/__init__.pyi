"""Rooms of imscope for type checkers; written by tools/build_docs.py."""

from imscope import engine as engine
from imscope import evidence as evidence
from imscope import io as io
from imscope import registry as registry
from imscope import report as report
from imscope import simulate as simulate
from imscope import study as study
from imscope.analyses import clones as clones
from imscope.analyses import dynamics as dynamics
from imscope.analyses import gates as gates
from imscope.analyses import heterogeneity as heterogeneity
from imscope.analyses import identity as identity
from imscope.analyses import potency as potency
from imscope.analyses import regulators as regulators
from imscope.analyses import safety as safety
from imscope.analyses import screens as screens
from imscope.analyses import subsets as subsets
from imscope.decisions import manufacture as manufacture
from imscope.decisions import release as release

__version__: str
