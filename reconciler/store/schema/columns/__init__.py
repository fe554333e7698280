"""The columns that the mapping names: their types, those that are not there, and what codes they hold."""
