"""From bank to doses: lots, campaigns, cost and weeks of a process, with uncertainty."""

from typing import TYPE_CHECKING

from imscope.core.rooms import open_room

if TYPE_CHECKING:
    from imscope.decisions.manufacture.campaign import Campaign, plan_campaign
    from imscope.decisions.manufacture.dose import Dose, plan_dose
    from imscope.decisions.manufacture.levers import Lever, find_levers
    from imscope.decisions.manufacture.lots import Lots, simulate_lots
    from imscope.decisions.manufacture.plan_file import Plan, read_plan
    from imscope.decisions.manufacture.planner import PlanResult, compare_plans, run_plan
    from imscope.decisions.manufacture.templates_list import (
        TEMPLATES,
        read_template,
        template_text,
    )
    from imscope.decisions.manufacture.variants import variant_fraction

__all__, __getattr__, __dir__ = open_room(__name__)
