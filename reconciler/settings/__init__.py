"""cron.yaml and the environment as typed settings: every mistake at once, each with its place and the remedy."""

from reconciler.settings.loading import Settings, load

__all__ = ["Settings", "load"]
