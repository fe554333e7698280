"""The only place that assembles concrete parts: settings in, services out."""
