"""cron.yaml as it is once it has been read: every key, with its default and what it means."""
