"""Google Calendar behind `ports.Calendar`."""
