"""How fast, and how little memory: `python -m tests.benchmarks [group …]`.

Every figure is a ratio to another side that ran in turn with ours, because machines drift; each side's own figure
stands beside it.
"""
