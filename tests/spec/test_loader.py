import os
from pathlib import Path

import pytest

from asgi_probe.errors import UsageError
from asgi_probe.spec.loader import MOST_BYTES, Found, find_root, find_specs, load
from asgi_probe.spec.source import Location
from asgi_probe.terminal import plain

SPEC = "checks: [{get: /}]\n"


@pytest.fixture
def project(tmp_path):
    for name in (
        "specs/b.yaml",
        "specs/a.yml",
        "specs/sub/c.yaml",
        "specs/.hidden/d.yaml",
        "specs/.e.yaml",
        "specs/x.txt",
        "odd[1].yaml",
        "empty/x.json",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SPEC)
    (tmp_path / "pyproject.toml").touch()
    return tmp_path


def names(project, *arguments, cwd=None):
    return [found.name for found in find_specs(arguments, cwd=cwd or project, root=project)]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["specs"], ["specs/a.yml", "specs/b.yaml", "specs/sub/c.yaml"]),
        (["specs/b.yaml", "specs"], ["specs/b.yaml", "specs/a.yml", "specs/sub/c.yaml"]),
        (["specs/*.yaml"], ["specs/b.yaml"]),
        (["specs/**/*.y*ml"], ["specs/a.yml", "specs/b.yaml", "specs/sub/c.yaml"]),
        (["spec*"], ["specs/a.yml", "specs/b.yaml", "specs/sub/c.yaml"]),
        (["specs/x.txt"], ["specs/x.txt"]),
        (["odd[1].yaml"], ["odd[1].yaml"]),
        (["./specs/../specs/b.yaml"], ["specs/b.yaml"]),
        (["specs/.hidden"], ["specs/.hidden/d.yaml"]),
        ([], []),
    ],
)
def test_what_arguments_name(project, arguments, found):
    assert names(project, *arguments) == found


def test_names_are_relative_to_the_root_from_anywhere(project, tmp_path_factory):
    assert names(project, "c.yaml", "..", cwd=project / "specs" / "sub") == [
        "specs/sub/c.yaml",
        "specs/a.yml",
        "specs/b.yaml",
    ]
    other = tmp_path_factory.mktemp("other") / "o.yaml"
    other.write_text(SPEC)
    assert names(project, str(other))[0].startswith("../")


@pytest.mark.parametrize(
    ("arguments", "lines", "checks"),
    [
        (["specs/b.yaml:12"], (12,), ()),
        (["specs/b.yaml::a name: x"], (), ("a name: x",)),
        (["specs/b.yaml:3", "specs/b.yaml::a", "specs/b.yaml:3", "./specs/b.yaml:1"], (3, 1), ("a",)),
        (["specs/b.yaml:3", "specs/b.yaml"], (), ()),
        (["specs/b.yaml", "specs/b.yaml:3"], (), ()),
    ],
)
def test_selections_are_united(project, arguments, lines, checks):
    path = project / "specs" / "b.yaml"
    assert find_specs(arguments, cwd=project, root=project) == [Found(path, "specs/b.yaml", lines, checks)]


def test_a_symlink_to_a_spec_is_the_same_spec(project):
    (project / "link.yaml").symlink_to(project / "specs" / "b.yaml")
    assert names(project, "link.yaml", "specs/b.yaml") == ["link.yaml"]


def test_all_arguments_that_name_nothing_are_told_at_once(project):
    arguments = [
        "spec",
        "specs/bb.yaml",
        "specz/sub/c.yaml",
        "empty",
        "*.nope",
        "specs:3",
        "b.yaml::x",
        "specs/b.yaml::",
        "nowhere/at/all",
        "",
        "a\0b",
    ]
    with pytest.raises(UsageError) as error:
        find_specs(arguments, cwd=project, root=project)
    assert str(error.value).splitlines() == [
        "there is no file or folder 'spec' (did you mean 'specs'?)",
        "there is no file or folder 'specs/bb.yaml' (did you mean 'specs/b.yaml'?)",
        "there is no file or folder 'specz/sub/c.yaml' (did you mean 'specs/sub/c.yaml'?)",
        "no specs (*.yaml, *.yml) in the folder 'empty'",
        "no spec matches '*.nope'",
        "'specs:3': 'specs' is a folder, expected a file before the ':'",
        "there is no file or folder 'b.yaml'",
        "'specs/b.yaml::': expected the name of a check after '::'",
        "there is no file or folder 'nowhere/at/all'",
        "an empty argument names no spec",
        "there is no file or folder 'a\\x00b'",
    ]


def test_the_root_is_the_nearest_project(project):
    below = project / "specs" / "sub"
    assert find_root(below) == project
    (project / "specs" / "asgi-probe.toml").touch()
    assert find_root(below) == project / "specs"


def test_without_a_project_the_root_is_the_working_directory(tmp_path):
    if any((folder / "pyproject.toml").exists() for folder in tmp_path.parents):
        pytest.skip("the temporary folder is inside a project")
    assert find_root(tmp_path) == tmp_path


def problems(project, **files):
    paths = []
    for name, content in files.items():
        path = project / f"{name}.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        paths.append(path)
    loaded = load(paths, root=project)
    return loaded, [str(problem) for problem in loaded.problems.diagnostics]


def test_a_broken_file_does_not_hide_the_others(project):
    loaded, found = problems(project, a="checks: [{gett: /}]\nname: [x]", b="a: {b: ${x}}", c=SPEC, d="chekcs: []")
    assert found == [
        "a.yaml:1:11: unknown key 'gett' (did you mean 'get'?)",
        "a.yaml:2:7: expected text, found a list",
        "b.yaml:1:8: '${x}' wants quotes inside {…} and […] (quote it: {b: \"${x}\"})",
        "d.yaml:1:1: unknown key 'chekcs' (did you mean 'checks'?)",
    ]
    assert [spec.source.name for spec in loaded.specs] == ["a.yaml", "c.yaml", "d.yaml"]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "a.yaml:1:1: the file is empty (a spec needs checks)"),
        (b"\xef\xbb\xbf", "a.yaml:1:1: the file is empty (a spec needs checks)"),
        (b"\x7fELF\x00\x01", "a.yaml:1:1: the file is binary (a spec is text in UTF-8)"),
        (b"a: 1\nb: \xc3\xa4 \xff", "a.yaml:2:6: the byte 0xff is not UTF-8 (save the file as UTF-8)"),
        (b"\xef\xbb\xbfa: \xff", "a.yaml:1:4: the byte 0xff is not UTF-8 (save the file as UTF-8)"),
        (b"\xff\xfea", "a.yaml:1:1: the file is no valid UTF-16 (save it as UTF-8)"),
        (b"#" * (MOST_BYTES + 1), "a.yaml:1:1: the file is larger than 10 MiB (split it into several)"),
    ],
)
def test_files_that_are_no_text(project, content, found):
    assert problems(project, a=content)[1] == [found]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_byte_order_marks_are_fine(project, encoding):
    loaded, found = problems(project, a="name: ü\nchecks: [{get: /}]".encode(encoding))
    assert found == []
    assert loaded.specs[0].name.value == "ü"


def test_files_that_cannot_be_opened(project):
    loaded = load([project / "gone.yaml", project / "specs"], root=project)
    assert [str(problem) for problem in loaded.problems.diagnostics] == [
        "gone.yaml:1:1: the file cannot be read: no such file or directory",
        "specs:1:1: the file cannot be read: is a directory",
    ]
    assert [plain(line) for line in loaded.problems.diagnostics[0].render()] == [
        "gone.yaml:1:1: error: the file cannot be read: no such file or directory"
    ]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission(project):
    path = project / "specs" / "b.yaml"
    path.chmod(0)
    assert "permission denied" in str(load([path], root=project).problems.diagnostics[0])


def test_ten_megabytes_are_read(project):
    text = "checks:\n" + "- get: /\n" * 5 + "#" * (MOST_BYTES - 100)
    loaded, found = problems(project, a=text)
    assert found == []
    assert len(loaded.specs[0].checks) == 5


def test_the_path_is_absolute(project, monkeypatch):
    monkeypatch.chdir(project)
    assert find_specs(["specs/b.yaml"], cwd=Path.cwd(), root=project)[0].path == project / "specs" / "b.yaml"


def test_a_warning_stays_a_warning(tmp_path, monkeypatch):
    def warn(source, node, problems):
        problems.add(node, "odd", "mend it", warning=True)
        problems.add(Location(source, 1, 2), "wrong")

    monkeypatch.setattr("asgi_probe.spec.model.read_spec", warn)
    (tmp_path / "a.yaml").write_text(SPEC)
    problems = load([tmp_path / "a.yaml"], root=tmp_path).problems
    assert [str(each) for each in problems.warnings] == ["a.yaml:1:1: odd (mend it)"]
    assert [str(each) for each in problems.errors] == ["a.yaml:1:2: wrong"]
