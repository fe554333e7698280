"""What shows that a text was sent or an event made, and where our own word about it goes."""
