"""One configuration in, every result out; alone knows the order of steps."""

from typing import TYPE_CHECKING, Any

from imscope.core.rooms import load_name

if TYPE_CHECKING:
    from imscope.study.config import RunConfig, parse_config, read_config, run_config_schema
    from imscope.study.demo import run_demo
    from imscope.study.design import Design, summarise_design
    from imscope.study.quality import Quality, check_quality
    from imscope.study.results import results_schema
    from imscope.study.run import RunResult, run_study

_HOMES = {
    "Design": "design",
    "Quality": "quality",
    "RunConfig": "config",
    "RunResult": "run",
    "check_quality": "quality",
    "parse_config": "config",
    "read_config": "config",
    "results_schema": "results",
    "run_config_schema": "config",
    "run_demo": "demo",
    "run_study": "run",
    "summarise_design": "design",
}

__all__ = [
    "Design",
    "Quality",
    "RunConfig",
    "RunResult",
    "check_quality",
    "parse_config",
    "read_config",
    "results_schema",
    "run_config_schema",
    "run_demo",
    "run_study",
    "summarise_design",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        return load_name(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
