"""Faults of the service and of the way to it, against real servers on every transport: what a model sees of each."""
