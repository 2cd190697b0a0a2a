"""Synapses: objects in probability volumes, and how good detections are."""
