"""A project: from its configuration, its specs and what is wished of them to a plan and whom it asks."""
