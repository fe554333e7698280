"""Calendar events: how one is judged, created once, written back and removed."""
