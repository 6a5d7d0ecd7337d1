"""From bank to doses: lots, campaigns, cost and weeks of a process, with uncertainty."""

from typing import TYPE_CHECKING

from imscope.core.rooms import open_room

if TYPE_CHECKING:
    from imscope.decisions.manufacture.campaign import Campaign as Campaign
    from imscope.decisions.manufacture.campaign import plan_campaign as plan_campaign
    from imscope.decisions.manufacture.dose import Dose as Dose
    from imscope.decisions.manufacture.dose import plan_dose as plan_dose
    from imscope.decisions.manufacture.levers import Lever as Lever
    from imscope.decisions.manufacture.levers import find_levers as find_levers
    from imscope.decisions.manufacture.lots import Lots as Lots
    from imscope.decisions.manufacture.lots import simulate_lots as simulate_lots
    from imscope.decisions.manufacture.plan_file import Plan as Plan
    from imscope.decisions.manufacture.plan_file import read_plan as read_plan
    from imscope.decisions.manufacture.planner import PlanResult as PlanResult
    from imscope.decisions.manufacture.planner import compare_plans as compare_plans
    from imscope.decisions.manufacture.planner import run_plan as run_plan
    from imscope.decisions.manufacture.templates_list import TEMPLATES as TEMPLATES
    from imscope.decisions.manufacture.templates_list import read_template as read_template
    from imscope.decisions.manufacture.templates_list import template_text as template_text
    from imscope.decisions.manufacture.variants import variant_fraction as variant_fraction

__all__, __getattr__, __dir__ = open_room(__name__)
