"""SQL that people run for us: printed, and safe even where a superuser runs it."""
