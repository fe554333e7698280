"""cron.yaml and the environment as typed settings. All mistakes are reported at once, each with place and remedy."""

from reconciler.settings.loading import Settings, load
from reconciler.settings.need import Need

__all__ = ["Need", "Settings", "load"]
