"""The running: a plan, workers that pull its checks, and the events that tell what happens."""
