"""Variables from the command line, end to end."""

import pytest

ECHO = """
vars: {{where: file, other: "${{where}}-ish"}}
checks:
  - post: /echo
    json: {{sent: "${{where}}"}}
    expect: {{json: {{body: {{$json: {{sent: {expected}}}}}}}}}
  - post: /echo
    json: {{sent: "${{other}}"}}
    expect: {{status: 200}}
"""


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], "file"),
        (["--var", "where=flag"], "flag"),
        (["--var", "where=1"], "'1'"),
        (["--var", "where:=1"], "1"),
        (["--var", "where:=[1, {\"a\": null}]"], "[1, {a: null}]"),
        (["--var", "where="], "''"),
        (["--var", "where:=0.12345678901234567890"], "0.12345678901234567890"),
        (["--var", "where=a=b"], "a=b"),
        (["--var", "where=one", "--var", "where=two"], "two"),
        (["--vars-file", "v.yaml"], "{deep: [no, 010]}"),
        (["--vars-file", "v.json"], "1.5"),
        (["--vars-file", "v.env"], "'from # dotenv'"),
        (["--vars-file", ".env.local"], "plain"),
        (["--vars-file", "v.json", "--vars-file", "v.env"], "'from # dotenv'"),
        (["--var", "where=flag", "--vars-file", "v.json"], "flag"),
    ],
)  # fmt: skip
def test_given(project, flags, expected):
    project.write("a.yaml", ECHO.format(expected=expected.replace("no, 010", "'no', 10")))
    project.write("v.yaml", "where: {deep: [no, 010]}\n")
    project.write("v.json", '{"where": 1.5}')
    project.write("v.env", '# a comment\nexport where="from # dotenv"  # why\n')
    project.write(".env.local", "where=plain # why\n")
    ran = project.probe(*flags, "a.yaml")
    assert ran.exit == 0, ran.said


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--var", "where"], "--var 'where': expected name=text or name:=JSON"),
        (["--var", "where:=nope"], "is not JSON"),
        (["--var", "where:=NaN"], "is not JSON"),
        (["--var", "where:=[1, -Infinity]"], "is not JSON"),
        (["--var", "where:="], "is empty, not JSON"),
        (["--var", "where:=" + "[" * 50_000 + "]" * 50_000], "nests deeper than 1,000 levels"),
        (["--var", "where:=" + "[" * 100_000], "--var 'where:=[[["),
        (["--vars-file", "deep.json"], "nests deeper than 1,000 levels"),
        (["--vars-file", "nan.json"], "is not JSON"),
        (["--var", "a-b=1"], "'a-b' cannot name a variable"),
        (["--vars-file", "names.json"], "'now' cannot name a variable"),
        (["--var", "env=1"], "'env' cannot name a variable"),
        (["--var", "uuid=1"], "'uuid' cannot name a variable"),
        (["--vars-file", "none.yaml"], "'none.yaml' cannot be read: no such file"),
        (["--vars-file", "list.json"], "expected names with values"),
        (["--vars-file", "bad.json"], "is not JSON"),
        (["--vars-file", "bad.yaml"], "bad.yaml:1"),
        (["--vars-file", "bad.env"], "bad.env:2: expected NAME=value"),
        (["--vars-file", "vars.txt"], "expected a file that ends in"),
        (["--vars-file", "binary.json"], "it is not UTF-8"),
    ],
)
def test_given_wrongly(project, flags, told):
    project.write("a.yaml", "checks: [{get: /ok}]")
    project.write("list.json", "[1]")
    project.write("deep.json", '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}")
    project.write("nan.json", '{"a": NaN}')
    project.write("names.json", '{"now": 1}')
    project.write("bad.json", "{")
    project.write("bad.yaml", "a: [")
    project.write("bad.env", "a=1\nwhat is this\n")
    project.write("vars.txt", "a=1")
    (project.root / "binary.json").write_bytes(b"\xff\xfe")
    ran = project.probe(*flags, "a.yaml")
    assert ran.exit == 2
    assert told.lower() in ran.err.lower()
    assert len(ran.err) < 1000
    assert project.log == []


def test_all_that_is_wrong_is_told_at_once(project):
    project.write("a.yaml", "checks: [{get: /ok}]")
    ran = project.probe("--var", "one", "--var", "two:=x", "--vars-file", "three.json", "a.yaml")
    assert all(word in ran.err for word in ("'one'", "'two:=x'", "three.json"))


def test_a_name_that_nothing_uses_is_a_warning(project):
    project.write("a.yaml", "vars: {tenant: acme}\nchecks: [{get: '/ok?t=${tenant}'}]")
    ran = project.probe("--var", "tenat=x", "a.yaml")
    assert ran.exit == 0
    assert "warning: nothing uses the variable 'tenat'; did you mean 'tenant'?" in ran.out


def test_strength(project):
    """Saved in the check, then the flags, then what setup gave, then the file's own."""
    project.write(
        "a.yaml",
        """
        vars: {a: file, b: file, c: file, d: file}
        setup:
          - get: /login/x
            save: {b: $.id, c: $.id, d: $.id}
        checks:
          - name: before and after
            steps:
              - get: /echo?a=${a}&b=${b}&c=${c}&d=${d}
                expect: {json: {query: {a: file, b: '7', c: flag, d: flag}}}
              - get: /status/202
                save: {d: status}
              - get: /echo?d=${d}
                expect: {json: {query: {d: '202'}}}
          - name: another has its own
            get: /echo?d=${d}
            expect: {json: {query: {d: flag}}}
        """,
    )
    ran = project.probe("--var", "c=flag", "--var", "d=flag", "a.yaml")
    assert ran.exit == 0, ran.said
    assert "setup saves 'c', which the target or the command line already gives" in ran.out


def test_env(project):
    project.write("a.yaml", "checks: [{get: '/echo?t=${env.TOKEN}', expect: {json: {query: {t: s3}}}}]")
    assert project.probe("a.yaml", TOKEN="s3").exit == 0
    ran = project.probe("a.yaml")
    assert (ran.exit, "TOKEN" in ran.err) == (2, True)
