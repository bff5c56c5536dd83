"""Configuration files of every fault: nothing runs, and one sentence says what and where."""

import json
import random
import re
from pathlib import Path

import pytest
import yaml

from dsd2.config import reading
from dsd2.config.reading import check_arguments, check_given, read_config
from dsd2.config.studies import load_studies
from dsd2.errors import UserError

ROOT = Path(__file__).parents[2]
STUDY = "study: one\narms: {a: null}\n"
TOUCH = "__import__('pathlib').Path('ran').touch()"
CODE = {
    "a key": f"__use_yte__: true\n?{TOUCH}: x\n{STUDY}",
    "a value": f"__use_yte__: true\n{STUDY}title: ?{TOUCH} or 'x'\n",
    "a definition": f"__use_yte__: true\n__definitions__:\n  - {TOUCH}\n{STUDY}",
    "a merged key": f"{STUDY}plot: &y {{__use_yte__: true}}\n<<: *y\ntitle: ?{TOUCH}\n",
    "a list's entry": f"{STUDY}__use_yte__: 1\nseeds:\n  - 0\n  - ?{TOUCH}\n",
}
"""Where YTE finds code in a file."""
TAGS = ["name:os.system x", "module:os x", "tuple [0]", "complex 1j", "bytes 'eA=='", "long 1"]
TAGS += ["object:os.system {}", "object/new:os.system [x]", "object/apply:os.system [touch ran]"]


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(content, name="x.yaml"):
    file = Path(name)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


@pytest.mark.parametrize("where", CODE)
def test_code_in_a_file_is_refused_and_does_not_run(where):
    file = write(CODE[where])
    with pytest.raises(UserError, match=r"x\.yaml: has the key __use_yte__, with which"):
        load_studies({"studies": file})
    with pytest.raises(UserError, match=r"It may have run them before .* --config studies=FILE"):
        check_given(file)
    assert not Path("ran").exists()


@pytest.mark.parametrize("where", CODE)
def test_it_would_run_where_snakemake_reads_the_file(where):
    from snakemake.common.configfile import load_configfile

    load_configfile(write(CODE[where]))
    assert Path("ran").exists()


@pytest.mark.parametrize("tag", [*(f"!!python/{tag}" for tag in TAGS), "!mine x", "!<a:b> {}"])
def test_a_tag_is_named_with_its_line(tag):
    with pytest.raises(UserError) as fault:
        read_config(write(f"{STUDY}title: {tag}\n"))
    said = re.escape(f"x.yaml: has the tag '{tag.split()[0].strip('!<>')}'")
    assert re.match(said.replace("'", "'!*", 1), str(fault.value))
    assert "at line 3, column 8 but must hold plain values alone" in str(fault.value)
    assert not Path("ran").exists()


LONG = "1" * 5000
MERGES = "".join(
    f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 9)}], k{i}: 1}}\n" for i in range(1, 9)
)
SENTENCES = {
    b"study: one\nstudy: two\narms: {a: }\n": "has the key 'study' twice, at line 1, column 1 and"
    " at line 2, column 1; it must be there once",
    b"arms: {a: {training: {epochs: 1, 'epochs': 2}}}\n": "has the key 'epochs' twice, at line 1,"
    " column 23 and at line 1, column 34",
    b'{"study": "a",\n\t"seeds": [1],\n\t"seeds": [2]}': "has the key 'seeds' twice, at line 2,"
    " column 2 and at line 3, column 2",
    b'{"study": "a", "arms": {"a": {}, "\\u0061": {}}}': "has the key 'a' twice, at line 1",
    f"study: a\nseeds: {'[' * 3000}".encode(): "is nested too deeply at line 2, column 20: at most",
    f"study: a\nseeds: {'[' * 3000}{']' * 3000}".encode(): "is nested too deeply at line 2, column",
    ("study: a\n" + "- " * 3000).encode(): "at line 2, column",
    f'{{"a": {"[" * 3000}{"]" * 3000}}}'.encode(): "is nested too deeply at line 1, column 19",
    "study: one\ntitle: é\n".encode("latin-1"): "is no UTF-8 text at line 2 (byte 0xe9); it must",
    "study: one\ntitle: é\n".encode("utf-16"): "is no UTF-8 text at line 1 (byte 0xff)",
    "study: one\n".encode("utf-16-le"): "has a character at line 1, column 2, that no text may have"
    " (number 0)",
    b"study: one\ntitle: a\x1bb\n": "has a character at line 2, column 9, that no text may have",
    f"seeds:\n  - {LONG}\n".encode(): "has '1111",
    f'{{"seeds": [{LONG}]}}'.encode(): "at line 1, column 12, which is no number, date or other",
    b"title: 2024-13-45\n": "has '2024-13-45' at line 1, column 8, which is no number, date or",
    b"title: !!int ''\n": "has '' at line 1, column 8, which is no number",
    b"title: !!bool maybe\n": "has 'maybe' at line 1, column 8, which is no number",
    b"title: !!binary x\n": "is not valid YAML at line 1, column 8 (failed to decode",
    b"a: [\n": "is not valid YAML at line 2, column 1 (expected",
    b"a: b: c\n": "is not valid YAML at line 1, column 5 (mapping values are not allowed here)",
    b"a:\n\t- b\n": "is not valid YAML at line 2, column 1 (found character '\\t'",
    b"a: *b\n": "is not valid YAML at line 1, column 4 (found undefined alias 'b')",
    b"a: 1\n---\nb: 1\n": "is not valid YAML at line 2, column 1 (but found another document)",
    b"? [a]\n: b\n": "is not valid YAML at line 1, column 3 (found unhashable key)",
    b"a: &a {<<: 1}\n": "is not valid YAML at line 1",
    b"": "holds None but must hold keys with their values",
    b"words\n": "holds 'words' but must hold keys",
    b"[1, 2]": "holds [1, 2] but must hold keys",
    b"# " + b"x" * 1_000_000: "has 1000002 bytes but a configuration must have at most 1000000",
}


@pytest.mark.parametrize("content", SENTENCES, ids=range(len(SENTENCES)))
def test_a_fault_is_one_sentence_with_file_and_line(content):
    with pytest.raises(UserError) as fault:
        load_studies({"studies": [write(content)]})
    text = str(fault.value)
    assert text.startswith("x.yaml: ")
    assert SENTENCES[content] in text
    assert text.isprintable()
    assert len(text) < 500


def test_a_merge_of_merges_takes_no_memory():
    content = read_config(write(f"m0: &m0 {{k0: 1}}\n{MERGES}"))
    assert content["m8"] == {f"k{i}": 1 for i in range(9)}


def test_what_is_no_file_is_named(tmp_path):
    (tmp_path / "a\nfolder").mkdir()
    with pytest.raises(UserError, match=r"^'a\\nfolder': cannot be read .* \(it is no file\)$"):
        read_config("a\nfolder")
    with pytest.raises(
        UserError, match=r"^absent: cannot be read .* \(No such file or directory\)$"
    ):
        read_config("absent")
    with pytest.raises(UserError, match=r"\(File name too long\)$"):
        read_config("x" * 300)
    with pytest.raises(UserError, match=r"^/dev/zero: cannot be read .* \(it is no file\)$"):
        read_config("/dev/zero")


def test_right_files_say_what_yaml_and_json_say():
    for file in (ROOT / "config").rglob("*.yaml"):
        assert read_config(file) == yaml.safe_load(file.read_text(encoding="utf-8"))
    content = {"study": "a", "title": "ü \U0001f600", "seeds": [1], "arms": {"a": None}}
    for text in (json.dumps(content), json.dumps(content, indent="\t", ensure_ascii=False)):
        assert read_config(write(text)) == content
    assert read_config(write(b"\xef\xbb\xbfstudy: a\r\nseeds: [1]\r\n")) == {
        "study": "a",
        "seeds": [1],
    }


def test_a_path_that_a_pattern_would_take_otherwise_is_read():
    assert [study.folder for study in load_studies({"studies": write(STUDY, "a[1]*.yaml")})] == [
        "one"
    ]


def test_a_key_that_the_command_line_has_twice_is_named():
    check_arguments(["seeds=[0]", "title=a: b: [", "override={training: {epochs: 1}}", "data="])
    with pytest.raises(UserError, match="config key 'seeds' is given twice by --config"):
        check_arguments(["seeds=[0]", "seeds=[1]"])
    with pytest.raises(UserError, match=r"^--config 'plot=.*has the key 'dpi' twice, at line 1"):
        check_arguments(["plot={dpi: 100, dpi: 200}"])
    with pytest.raises(UserError, match=r"has the key 'a' twice"):
        check_arguments(["x={a: 1, a: 2}"])
    check_arguments([f"title={'[' * 3000}", "title2=\0", f"n={LONG}"])


CHUNKS = ["{", "}", "[", "]", ": ", "- ", "\n", "\t", "&a ", "*a ", "<<: ", "!!python/none ", "? "]
CHUNKS += [
    "'",
    '"',
    "#",
    "|",
    ">",
    "%",
    "@",
    "\xe9",
    "\ud800",
    "!!int ",
    "0x",
    "=",
    "---\n",
    "null",
]


@pytest.mark.parametrize("seed", range(8))
def test_a_file_with_anything_put_in_it_is_read_or_one_sentence(seed):
    """Bytes that are flipped, lines that are doubled, and pieces of YAML anywhere."""
    draws = random.Random(seed)
    whole = (ROOT / "config/config.yaml").read_bytes()
    read = 0
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(draws.randrange(1, 4)):
            at = draws.randrange(len(data))
            if draws.random() < 0.3:
                data[at] ^= 1 << draws.randrange(8)
            elif draws.random() < 0.3:
                lines = bytes(data).splitlines(keepends=True)
                lines.insert(draws.randrange(len(lines)), draws.choice(lines))
                data = bytearray(b"".join(lines))
            else:
                data[at:at] = draws.choice(CHUNKS).encode("utf-8", "surrogatepass")
        file = write(bytes(data))
        try:
            load_studies({"studies": file})
            read += 1
        except UserError as error:
            assert re.match(r"x\.yaml: ", str(error))  # noqa: PT017
            assert str(error).isprintable()  # noqa: PT017
    assert read < 60


def test_the_limits_leave_room_for_what_there_is():
    largest = max(file.stat().st_size for file in (ROOT / "config").rglob("*.yaml"))
    assert 10 * largest < reading.MAX_BYTES


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("2024_05", "number"),
        ("1e3", "number"),
        ("cats: 2024", "mapping"),
        ("[photos]", "list"),
        ("true", "truth value"),
    ],
)
def test_a_folder_whose_name_is_no_text_is_to_be_quoted(value, kind):
    with pytest.raises(UserError, match=f"read as a {kind}; quote the folder's name") as refused:
        check_arguments([f"data={value}"])
    assert f"""--config 'data="{value}"'""" in str(refused.value)
    check_arguments([f'data="{value}"'])


@pytest.mark.parametrize("value", ["photos", "~/photos", "/data/a b", "2024-05 photos", "é"])
def test_usual_names_of_folders_need_no_quotes(value):
    check_arguments([f"data={value}"])
