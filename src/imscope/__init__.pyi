"""Rooms of imscope for type checkers; written by tools/build_docs.py."""

from imscope import engine as engine
from imscope import evidence as evidence
from imscope import io as io
from imscope import report as report
from imscope import simulate as simulate
from imscope import study as study
from imscope.analyses import gates as gates
from imscope.analyses import heterogeneity as heterogeneity
from imscope.analyses import identity as identity
from imscope.analyses import safety as safety
from imscope.analyses import subsets as subsets

__version__: str
