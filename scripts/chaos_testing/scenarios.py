"""All scenarios, in the order in which they are run."""

from scripts.chaos_testing import endurance, faults, once, overload, restarts, starts, strangers
from scripts.chaos_testing.running import Scenario, under_load

SCENARIOS: tuple[Scenario, ...] = (
    *map(under_load, (*faults.FAULTS, *restarts.FAULTS, *strangers.FAULTS)),
    *restarts.SCENARIOS,
    *starts.SCENARIOS,
    *once.SCENARIOS,
    *overload.SCENARIOS,
    *endurance.SCENARIOS,
)
