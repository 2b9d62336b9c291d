"""What `run --watch` is made of: files that change, keys, runs in processes of their own, and what to run again."""
