"""How single values of a booking are read: its times, and its names, numbers and facts."""
