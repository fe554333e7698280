"""Texts: how one is judged, sent once, and its outcome found."""
