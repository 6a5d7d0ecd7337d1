"""Settings all tests share."""

from hypothesis import HealthCheck, settings

# a first call compiles for seconds, so no deadline; examples are the same on every machine
settings.register_profile(
    "imscope", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("imscope")
