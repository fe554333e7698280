"""Alerts and incidents as plain data, and the one function that decides which alert is due."""
