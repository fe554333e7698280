"""cron.yaml and the environment as typed settings. All mistakes are reported at once, each with place and remedy."""

from reconciler.settings.loading import Settings, load

__all__ = ["Settings", "load"]
