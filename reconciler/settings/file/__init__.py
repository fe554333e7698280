"""cron.yaml: the source with its lines, the model of every key, and the types of values."""
