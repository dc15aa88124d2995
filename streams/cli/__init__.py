"""The command `highlights`."""
