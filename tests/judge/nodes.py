"""Specs in YAML to nodes, and answers to judge, for the tests of this folder."""

from pathlib import Path

from asgi_probe.exchange import Answer
from asgi_probe.judge.expectation import compile_expectation
from asgi_probe.judge.save import compile_saves
from asgi_probe.spec.source import Problems, Source
from asgi_probe.spec.template import Compilation
from asgi_probe.spec.yaml import compose

KNOWN = frozenset({"x", "y", "name"})


def read(text):
    """The node of a YAML document."""
    problems = Problems()
    node = compose(Source(Path("spec.yaml"), "spec.yaml", text), problems)
    assert [str(problem) for problem in problems.diagnostics] == []
    return node


def compilation(known=KNOWN, folder=Path("/nowhere"), root=None):
    return Compilation(Problems(), known, folder, root or folder)


def expectation(text, known=KNOWN, c=None):
    """The compiled expectation of a YAML text without problems."""
    c = c or compilation(known)
    node = read(text)
    compiled = compile_expectation(node.entries, c, node)
    assert [str(problem) for problem in c.problems.diagnostics] == []
    return compiled


def problems(text, known=KNOWN, c=None):
    """What is wrong with an expectation: place, message and hint of each."""
    c = c or compilation(known)
    node = read(text)
    compile_expectation(node.entries, c, node)
    return [str(problem) for problem in c.problems.diagnostics]


def save_problems(text, known=KNOWN):
    c = compilation(known)
    compile_saves(read(text).entries, c)
    return [str(problem) for problem in c.problems.diagnostics]


def saves(text, known=KNOWN):
    c = compilation(known)
    compiled = compile_saves(read(text).entries, c)
    assert [str(problem) for problem in c.problems.diagnostics] == []
    return {save.name: save for save in compiled}


def answer(body=b"", **given):
    """An answer with this body, JSON by default."""
    content = body.encode() if isinstance(body, str) else body
    given.setdefault("status", 200)
    given.setdefault("headers", [("content-type", "application/json")])
    given.setdefault("size", len(content))
    given.setdefault("url", "http://testserver/")
    return Answer(body=content, **given)


def judge(text, result, scope=None):
    return expectation(text).judge(result, scope or {})


def told(mismatches):
    """Where, path and message of each mismatch, as one line each."""
    return [f"{m.where} {m.path} {m.message}" if m.path else f"{m.where}: {m.message}" for m in mismatches]
