"""The bookings of the demo, and the check of their results."""
