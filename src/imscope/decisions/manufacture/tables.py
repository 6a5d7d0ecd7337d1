"""Tables of the manufacture planner."""

from imscope.core.schema.declare import table

MANUFACTURE_STEPS = table(
    "manufacture_steps",
    "Cells of a lot after each step of a plan, over simulated lots.",
    """
    process | text | | name of the process
    order | integer | | place of the step
    step | text | | name of the step
    cells_p5 | number | cells | 5 % of lots have fewer
    cells_p50 | number | cells | median
    cells_p95 | number | cells | 5 % of lots have more
    """,
)
MANUFACTURE_LEVERS = table(
    "manufacture_levers",
    "Numbers of a plan by how much they move the released doses of a lot.",
    """
    process | text | | name of the process
    parameter | text | | path in the plan; donor and lot are the spreads of the doubling time
    low | number | doses | mean released doses with the number at its 10 % point
    high | number | doses | the same at its 90 % point
    cost_low | number | currency | cost per dose at the 10 % point; empty when no dose is released
    cost_high | number | currency | the same at the 90 % point
    first_order | number | fraction | share of the variance of doses it explains alone
    total_effect | number | fraction | share it takes part in
    """,
)
MANUFACTURE_INPUTS = table(
    "manufacture_inputs",
    "Every number of a plan with where it comes from.",
    """
    process | text | | name of the process
    parameter | text | | path in the plan; the unit ends its name
    value | text | | as written
    median | number | as named | median of the distribution
    source | text | | DOI or words
    status | text | | V verified, D derived, M from memory, user
    """,
)
MANUFACTURE_COMPARE = table(
    "manufacture_compare",
    "Processes side by side.",
    """
    process | text | | name
    doses_p5 | number | doses | released doses of a lot, 5 % point
    doses_p50 | number | doses | median
    doses_p95 | number | doses | 95 % point
    doses_mean | number | doses | mean
    p_release | number | fraction | lots that are released
    p_target | number | fraction | chance of meeting the demand
    lots_needed | integer | lots | for the wanted chance; 0 without a demand or a number
    sources_needed | integer | sources | donors or vials for them
    cost_p5 | number | currency | cost per dose over campaigns, 5 % point
    cost_p50 | number | currency | median
    cost_p95 | number | currency | 95 % point
    currency | text | | of the prices
    weeks | number | weeks | from start to release of a lot, median
    pdl_at_dose | number | doublings | median
    senescent_frac | number | fraction | median share of senescent cells in the dose
    levers | text | | the five numbers that matter most
    """,
)
MANUFACTURE_DOSES = table(
    "manufacture_doses",
    "How many lots give how many released doses.",
    """
    process | text | | name of the process
    low | number | doses | lower end of the class
    high | number | doses | upper end, not part of the class
    frac | number | fraction | share of the lots
    """,
)
MANUFACTURE_COSTS = table(
    "manufacture_costs",
    "Mean cost of a lot by part.",
    """
    process | text | | name of the process
    part | text | | media, vessels, reagents, labour, suite, tests, fill, start material, bank
    cost | number | currency | per lot, released or not
    per_dose | number | currency | its share of the cost of a released dose
    """,
)
MANUFACTURE_SCHEDULE = table(
    "manufacture_schedule",
    "When the steps of a lot begin and end, at their median days.",
    """
    process | text | | name of the process
    step | text | | name of the step
    start_d | number | days | begin
    end_d | number | days | end
    """,
)
