"""The bookings of the demo, and the check of what became of them."""
