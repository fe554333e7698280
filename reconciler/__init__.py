"""Finds bookings whose confirmation text or calendar event is missing, mends them once, and tells a person the rest."""
