"""How an answer is judged: queries take a value out of it, patterns say what it must be."""
