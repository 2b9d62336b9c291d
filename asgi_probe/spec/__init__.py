"""What a spec says: reading YAML strictly, with every value's place kept."""
