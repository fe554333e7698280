"""Sentry behind `ports.Notifier`: events, check-ins, and resolving its issues."""
