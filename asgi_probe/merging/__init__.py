"""Several event streams as the one run that they tell of: shards that ran side by side, and later runs of the same."""
