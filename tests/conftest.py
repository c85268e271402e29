"""What holds for all tests: properties are tried on the same examples each time, however slow or busy the machine."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "backstay", deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
if settings.get_current_profile_name() in ("default", "ci"):  # none was asked for
    settings.load_profile("backstay")
