"""Specs and fixtures in a pytest run; imported when the first of them is used."""
