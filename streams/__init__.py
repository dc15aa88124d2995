"""The running system: Faust worker, state, publishing, replay and the command line."""
