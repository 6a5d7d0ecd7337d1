"""One configuration in, every result out; alone knows the order of steps."""

from typing import TYPE_CHECKING

from imscope.core.rooms import open_room

if TYPE_CHECKING:
    from imscope.study.config import RunConfig as RunConfig
    from imscope.study.demo import run_demo as run_demo
    from imscope.study.design import Design as Design
    from imscope.study.design import summarise_design as summarise_design
    from imscope.study.quality import Quality as Quality
    from imscope.study.quality import check_quality as check_quality
    from imscope.study.read_config import parse_config as parse_config
    from imscope.study.read_config import read_config as read_config
    from imscope.study.read_config import run_config_schema as run_config_schema
    from imscope.study.results import results_schema as results_schema
    from imscope.study.run import RunResult as RunResult
    from imscope.study.run import run_study as run_study
else:
    __all__, __getattr__, __dir__ = open_room(__name__)
