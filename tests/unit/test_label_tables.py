"""Images whose labels are in a table, in the forms that people and programs write such tables."""

import codecs
import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from dsd2.data.dataset import split_source
from dsd2.data.find_tables import find_tables
from dsd2.data.label_tables import list_tables
from dsd2.data.manifest import with_manifests
from dsd2.data.metadata import metadata
from dsd2.data.sheet_columns import Columns
from dsd2.errors import UserError
from dsd2.recipe import DatasetRecipe, NoiseRecipe

DRAWN = {"train": None, "test": None, "validation": 0.25, "split_seed": 0}


def images(folder, *names, value=0):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((6, 6, 3), value, np.uint8)).save(path)
    return folder


def table(folder, text, name="labels.csv", encoding="utf-8"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return folder


def listed(folder, name=None, **columns):
    return list_tables(folder, name, Columns(**columns)).listing


def rows(listing, split="train"):
    part = listing.splits[split]
    return {
        name: listing.classes[label] for name, label in zip(part.names, part.labels, strict=True)
    }


def recipe(folder, **keys):
    return DatasetRecipe.of("csv", path=str(folder), image_size=6, **DRAWN, **keys)


WRITTEN = {
    "plain": b"filename,label\na.png,cat\nb.png,dog\n",
    "Windows line ends": b"filename,label\r\na.png,cat\r\nb.png,dog\r\n",
    "line ends of old Macs": b"filename,label\ra.png,cat\rb.png,dog\r",
    "a BOM": codecs.BOM_UTF8 + b"filename,label\na.png,cat\nb.png,dog",
    "UTF-16": "filename,label\r\na.png,cat\r\nb.png,dog\r\n".encode("utf-16"),
    "UTF-16 of the other order": codecs.BOM_UTF16_BE
    + "filename,label\na.png,cat\nb.png,dog\n".encode("utf-16-be"),
    "semicolons": b"filename;label\na.png;cat\nb.png;dog\n",
    "tabs": b"filename\tlabel\na.png\tcat\nb.png\tdog\n",
    "bars": b"filename|label\na.png|cat\nb.png|dog\n",
    "Excel's first line": b"sep=;\r\nfilename;label\r\na.png;cat\r\nb.png;dog\r\n",
    "quotes": b'"filename","label"\n"a.png","cat"\n"b.png","dog"\n',
    "another case": b"File Name,LABEL\nA.PNG,cat\nB.Png,dog\n",
    "spaces": b" filename , label \n a.png, cat\nb.png ,dog \n",
    "empty lines": b"\n\nfilename,label\n\na.png,cat\n,\nb.png,dog\n\n",
    "an index": b",filename,label\n0,a.png,cat\n1,b.png,dog\n",
    "separators at the ends": b"filename,label\na.png,cat,\nb.png,dog,\n",
    "other columns": b"id,width,filename,label\n1,6,a.png,cat\n2,6,b.png,dog\n",
    "the other order": b"Class;Image_ID\ncat;a\ndog;b\n",
    "own words": b"specimen,habitat\na.png,cat\nb.png,dog\n",
    "backslashes": b"path,class\n.\\a.png,cat\nb.png,dog\n",
}


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_table_is_read_however_it_is_written(tmp_path, kind):
    table(images(tmp_path, "a.png", "b.png"), WRITTEN[kind])
    listing = listed(tmp_path)
    assert rows(listing) == {"a.png": "cat", "b.png": "dog"}
    assert listing.classes == ("cat", "dog")
    assert find_tables(tmp_path).tables == {"all": "labels.csv"}


def test_values_are_text(tmp_path):
    images(tmp_path, *(f"{n}.png" for n in range(5)))
    table(tmp_path, 'file,target\n0.png,NA\n1.png,01\n2.png,null\n3.png,"a,\nb"\n4.png,1e5\n')
    assert rows(listed(tmp_path)) == {
        "0.png": "NA",
        "1.png": "01",
        "2.png": "null",
        "3.png": "a,\nb",
        "4.png": "1e5",
    }


def test_numbers_are_in_their_order_and_words_in_theirs(tmp_path):
    images(tmp_path, *(f"{n}.png" for n in range(3)))
    table(tmp_path, "file,label\n0.png,10\n1.png,9\n2.png,-1\n")
    assert listed(tmp_path).classes == ("-1", "9", "10")
    table(tmp_path, "file,label\n0.png,10\n1.png,9\n2.png,x\n")
    assert listed(tmp_path).classes == ("10", "9", "x")


def test_images_are_found_by_stem_in_another_case_and_in_any_folder(tmp_path):
    names = ("train_images/1001.jpg", "deep/er/Über.PNG", "x.y.jpg", "b/one.jpg", "c/one.jpg")
    images(tmp_path, *names)
    (tmp_path / "x.y.txt").write_text("a caption")
    text = "image_id,label\n1001,a\nu\u0308ber.png,b\nx.y,b\nc\\one.jpg,a\n"
    table(tmp_path, text)
    assert rows(listed(tmp_path)) == {
        "train_images/1001.jpg": "a",
        "deep/er/Über.PNG": "b",
        "x.y.jpg": "b",
        "c/one.jpg": "a",
    }
    table(tmp_path, text + "one.jpg,b\n")
    with pytest.raises(UserError, match=r"labels.csv line 6: 'one.jpg' may be b/one.jpg or c/one"):
        listed(tmp_path)


def test_what_the_table_does_not_name_is_left_out(tmp_path):
    images(tmp_path, "a.png", "b.png", "c.png")
    (tmp_path / "README.txt").write_text("x")
    (tmp_path / ".DS_Store").write_text("x")
    table(tmp_path, "file,label\na.png,x\nb.png,y\n")
    table(tmp_path, "file,label\nc.png,x\n", "sample_submission.csv")
    found = {part.what: part.names for part in listed(tmp_path).left_out}
    assert found == {
        "images that no table names": ("c.png",),
        "tables that are not used": ("sample_submission.csv",),
        "files that are no images by their names": ("README.txt",),
        "hidden and system entries": (".DS_Store",),
    }
    assert recipe(tmp_path).files() == ["labels.csv", "a.png", "b.png"]


def test_a_column_says_which_split_a_row_is_of(tmp_path):
    images(tmp_path, *(f"{n}.png" for n in range(5)))
    text = "file,label,Subset\n0.png,x,Train\n1.png,y,training\n2.png,x,valid\n3.png,y,TEST\n"
    listing = listed(table(tmp_path, text))
    assert {split: list(rows(listing, split)) for split in listing.splits} == {
        "train": ["0.png", "1.png"],
        "validation": ["2.png"],
        "test": ["3.png"],
    }
    assert any("Subset" in remark for remark in listing.remarks)
    table(tmp_path, text + "4.png,y,public\n")
    with pytest.raises(UserError, match=r"line 6: Subset is 'public', which must be train"):
        listed(tmp_path)
    table(tmp_path, "file,label,fold\n0.png,x,0\n1.png,y,1\n")
    listing = listed(tmp_path)
    assert list(listing.splits) == ["train"]
    assert any("fold" in remark for remark in listing.remarks)
    with pytest.raises(UserError, match=r"line 2: fold is '0'"):
        listed(tmp_path, split="fold")
    table(tmp_path, "file,label,split\n0.png,x,test\n1.png,y,test\n")
    with pytest.raises(UserError, match=r"has no row for training"):
        listed(tmp_path)


def test_a_table_for_each_split(tmp_path):
    images(tmp_path, "train/1.png", "train/2.png", "test/1.png", "test/2.png", "valid/3.png")
    table(tmp_path, "name,label\n1.png,x\n2.png,y\n", "train.csv")
    table(tmp_path, "name,label\n3.png,y\n", "val_labels.csv")
    table(tmp_path, "label;name\ny;1.png\nx;2.png\n", "test.csv")
    listing = listed(tmp_path)
    assert rows(listing) == {"train/1.png": "x", "train/2.png": "y"}
    assert rows(listing, "test") == {"test/1.png": "y", "test/2.png": "x"}
    assert rows(listing, "validation") == {"valid/3.png": "y"}
    assert find_tables(tmp_path).tables == {
        "train": "train.csv",
        "validation": "val_labels.csv",
        "test": "test.csv",
    }
    with pytest.raises(UserError, match=r"dataset.split_column is 'x', but .* a table for each"):
        listed(tmp_path, split="x")
    assert rows(listed(tmp_path, "train.csv")) == rows(listing)


@pytest.mark.parametrize("text", ["name\n3.png\n", "name,label\n3.png,\n", "name,label\n3.png,-1"])
def test_a_test_table_without_labels_is_left_out(tmp_path, text):
    images(tmp_path, "1.png", "2.png", "3.png")
    table(tmp_path, "name,label\n1.png,1\n2.png,0\n", "train.csv")
    listing = listed(table(tmp_path, text, "test.csv"))
    assert list(listing.splits) == ["train"]
    assert listing.classes == ("0", "1")
    assert any("test.csv: has no labels of the test images" in r for r in listing.remarks)
    assert ("images without labels", ("3.png",)) in [(p.what, p.names) for p in listing.left_out]
    if "label" in text:
        table(tmp_path, "name,label\n3.png,\n1.png,1\n", "test.csv")
        with pytest.raises(UserError, match=r"test.csv line 2: the label of '3.png' is empty$"):
            listed(tmp_path)


def test_the_hubs_metadata_in_one_file_and_in_folders_of_splits(tmp_path):
    names = [f"{split}/{n}.png" for split in ("train", "test") for n in (1, 2)]
    images(tmp_path, *names)
    lines = [json.dumps({"file_name": name, "label": int(name[-5]), "w": 0.5}) for name in names]
    table(tmp_path, "\n".join(lines) + "\n", "metadata.jsonl")
    listing = listed(tmp_path)
    assert rows(listing) == {"train/1.png": "1", "train/2.png": "2"}
    assert rows(listing, "test") == {"test/1.png": "1", "test/2.png": "2"}
    (tmp_path / "metadata.jsonl").unlink()
    for split in ("train", "test"):
        table(tmp_path, "file_name,text,label\n1.png,one,1\n2.png,two,2\n", f"{split}/metadata.csv")
    again = listed(tmp_path)
    assert again.splits == listing.splits
    assert find_tables(tmp_path).tables == {
        "train": "train/metadata.csv",
        "test": "test/metadata.csv",
    }


def test_files_and_folders_may_be_ignored(tmp_path):
    """A public set has some images twice, in ``images`` and in ``test``, and two tables."""
    images(tmp_path, "images/a.png", "images/b.png", "test/a.png")
    table(tmp_path, "image,label\na.png,cat\nb.png,dog\n")
    table(tmp_path, "image,label\na.png,cat\n", "some.csv")
    ignore = ["test", "some.csv"]
    wanted = Columns()
    listing = list_tables(tmp_path, None, wanted, ignore).listing
    assert listing.splits["train"].names == ["images/a.png", "images/b.png"]
    assert ("entries that dataset.ignore names", ("some.csv", "test")) in [
        (part.what, part.names) for part in listing.left_out
    ]
    with pytest.raises(UserError, match=r"dataset.ignore is 'tests', which .* does not have"):
        list_tables(tmp_path, None, wanted, ["tests"])


def test_a_table_in_a_folder_of_its_own(tmp_path):
    images(tmp_path, "images/1.png", "images/2.png")
    table(tmp_path, "path,label\n../images/1.png,x\n2.png,y\n", "annotations/labels.tsv")
    assert rows(listed(tmp_path)) == {"images/1.png": "x", "images/2.png": "y"}


FAULTS = {
    "an empty label": ("file,label\n1.png,x\n2.png,\n3.png,\n", r"line 3: the label of '2.png' is"),
    "an empty name": ("file,label\n1.png,x\n,y\n", r"line 3: file is empty"),
    "two labels": ("file,label\n1.png,x\n2.png,y\n1,z\n", r"line 4: 1.png is 'z', but 'x' in .* 2"),
    "one label": (
        "file,label\n1.png,x\n2.png,x\n",
        r"every label is 'x'; it takes two",
    ),
    "several labels": (
        "file,label\n1.png,x\n2.png,y\n3.png,y; x\n",
        r"the label 'y; x' \(labels.csv line 4\) is several, y and x; an image must have one",
    ),
    "several classes": (
        "file,cat,dog\n1.png,1,0\n2.png,1,1\n",
        r"line 3: is 1 in cat and dog of cat, dog; each image must be of one class",
    ),
    "no class": (
        "file,cat,dog\n1.png,1,0\n2.png,0,0\n",
        r"line 3: is 1 in no column of cat, dog",
    ),
    "case": ("file,label\n1.png,Cat\n2.png,cat\n", r"'Cat' \(labels.csv line 2\) and 'cat' \(.* 3"),
    "zeros": ("file,label\n1.png,01\n2.png,1\n", r"'01' \(labels.csv line 2\) and '1' \(.* line 3"),
    "absolute": ("file,label\n1.png,x\n/data/2.png,y\n", r"line 3: '/data/2.png' is an absolute"),
    "a drive": ("file,label\n1.png,x\nC:\\2.png,y\n", r"line 3: .* is an absolute path"),
    "outside": ("file,label\n1.png,x\n..\\2.png,y\n", r"line 3: .* leaves the dataset's folder"),
    "no header": ("1.png,x\n2.png,y\n", r"line 1: names an image; put names of"),
    "no rows": ("file,label\n", r"has no rows"),
    "nothing": ("\n \n", r"is empty"),
    "too long a row": (
        'file,label\n"1\n.png",x\n2.png,y,z\n',
        r"line 4: has 3 values, and",
    ),
    "an open quote": (
        'file,label\n1.png,"x\n',
        r"cannot be read as a table",
    ),
    "no text": (
        b"file,label\n1.png,\xe9\n",
        r"line 2: is neither UTF-8 nor UTF-16 .*0xe9",
    ),
    "a workbook": (b"PK\x03\x04", r"is a workbook"),
    "two columns of labels": (
        "file,label,class\n1.png,x,y\n2.png,y,x\n",
        r"several columns may be the label; set dataset.label_column to one of label, class",
    ),
    "no column of labels": (
        "file,colour,size\n1.png,x,y\n2.png,y,x\n",
        r"no column is plainly the label; set dataset.label_column to one of colour, size",
    ),
    "no column of images": ("a,b\n7,x\n8,y\n", r"dataset.image_column to one of a, b"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_faults_are_told_with_table_and_line(tmp_path, kind):
    text, sentence = FAULTS[kind]
    images(tmp_path, "1.png", "2.png", "3.png")
    with pytest.raises(UserError, match=rf"labels.csv.*{sentence}"):
        listed(table(tmp_path, text))


def test_all_missing_images_are_told_at_once(tmp_path):
    images(tmp_path, "1.png")
    lines = "".join(f"{n}.png,{n % 2}\n" for n in range(1, 10))
    with pytest.raises(UserError, match=r"8 of 9 images .* not in ") as fault:
        listed(table(tmp_path, f"file,label\n{lines}"))
    assert "'2.png' (labels.csv line 3)" in str(fault.value)
    assert "'6.png' (labels.csv line 7) and 3 more" in str(fault.value)
    assert "'7.png'" not in str(fault.value)


def test_an_image_that_stands_twice_counts_once_and_is_of_one_split(tmp_path):
    images(tmp_path, "1.png", "2.png")
    listing = listed(table(tmp_path, "file,label\n1.png,x\n2.png,y\n1,x\n"))
    assert len(listing.splits["train"].names) == 2
    assert any(remark.startswith("1 rows name an image a second") for remark in listing.remarks)
    table(tmp_path, "file,label,split\n1.png,x,train\n2.png,y,train\n1,x,test\n")
    with pytest.raises(UserError, match=r"line 4: 1.png is of the test split, but of the train"):
        listed(tmp_path)


def test_bad_json_lines_are_told_with_their_line(tmp_path):
    images(tmp_path, "1.png", "2.png")
    first = '{"file_name": "1.png", "label": "x"}\n'
    for second, sentence in (
        ("{", r"line 2: is no JSON"),
        ("[1]", r"line 2: is no mapping"),
        ('{"file_name": "2.png", "label": ["x"]}', r"line 2: label is a list or mapping"),
        ('{"file_name": "2.png", "label": null}', r"line 2: the label of '2.png' is empty"),
        ('{"file_name": "2.png"}', r"line 2: the label of '2.png' is empty"),
    ):
        table(tmp_path, first + second, "metadata.jsonl")
        with pytest.raises(UserError, match=rf"metadata.jsonl {sentence}"):
            listed(tmp_path)


def test_columns_and_table_may_be_named(tmp_path):
    images(tmp_path, "1.png", "2.png")
    table(tmp_path, "file,label,class\n1.png,x,u\n2.png,y,v\n")
    table(tmp_path, "file,label\n1.png,o\n2.png,p\n", "other.txt")
    assert listed(tmp_path, label="CLASS").classes == ("u", "v")
    assert listed(tmp_path, "other.txt").classes == ("o", "p")
    with pytest.raises(UserError, match=r"no column 'kind' \(dataset.label_column\); it has file,"):
        listed(tmp_path, label="kind")
    for name in ("absent.csv", "../labels.csv", "/labels.csv"):
        with pytest.raises(UserError, match=r"dataset.table"):
            listed(tmp_path, name)


def test_several_tables_are_ambiguous_unless_one_alone_has_labels(tmp_path):
    assert find_tables(tmp_path).problem.startswith("has no table")
    table(tmp_path, "file,label\n1.png,x\n2.png,y\n")
    assert find_tables(tmp_path).problem == "has no image file"
    images(tmp_path, "images/1.png", "images/2.png")
    table(tmp_path, "class_no,meaning\n1,x\n", "classes.csv")
    found = find_tables(tmp_path)
    assert (found.tables, found.others) == ({"all": "labels.csv"}, ("classes.csv",))
    table(tmp_path, "file,label\n1.png,x\n", "more.csv")
    found = find_tables(tmp_path)
    assert found.ambiguous == ("labels.csv", "more.csv")
    with pytest.raises(
        UserError, match=r"has several tables \(labels.csv, more.csv\); name the one"
    ):
        listed(tmp_path)
    for name in ("train.csv", "train_more.csv"):
        table(tmp_path, "file,label\n1.png,x\n", name)
    assert {"train.csv", "train_more.csv"} <= {*find_tables(tmp_path).ambiguous}


def test_the_dataset_is_read_as_its_metadata_say(tmp_path):
    for value in range(8):
        images(tmp_path, f"images/{value}.png", value=value)
    table(tmp_path, "file,label\n" + "".join(f"{n}.png,{n % 2}\n" for n in range(8)))
    of_two = recipe(tmp_path)
    data = split_source(of_two.read([], False), of_two)
    about = metadata(of_two, [])
    assert about.image == data.image == (3, 6, 6)
    assert (about.train, about.validation, about.test) == (4, 2, 2)
    assert [len(part.labels) for part in (data.train, data.validation, data.test)] == [4, 2, 2]
    for part in (data.train, data.validation, data.test):
        assert (part.images[:, 0, 0, 0] % 2).tolist() == part.labels.tolist()
    names = of_two.listing().splits["train"].names
    assert list(of_two.sources(names[:1])) == [tmp_path / names[0]]


def test_two_tables_of_one_folder_are_two_datasets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = images(tmp_path / "data", "1.png", "2.png")
    table(folder, "file,label\n1.png,x\n2.png,y\n", "a.csv")
    table(folder, "file,label\n1.png,y\n2.png,x\n", "b.csv")
    known, noise = {}, NoiseRecipe.of("none", rate=0.0, seed=0, validation="clean")
    first, again, other = (
        with_manifests(recipe(folder, table=name), noise, [], known)[0].manifest
        for name in ("a.csv", "a.csv", "b.csv")
    )
    assert first == again != other
    drawn = dataclasses.replace(recipe(folder, table="a.csv"), split_seed=5)
    assert with_manifests(drawn, noise, [], known)[0].manifest == first
    assert len(known) == 2


@pytest.mark.parametrize("yes_no", [("1", "0"), ("1.0", "0.0"), ("True", "False"), ("1", "")])
def test_a_column_for_each_class_is_read(tmp_path, yes_no):
    yes, no = yes_no
    images(tmp_path, "train/1.png", "train/2.png", "valid/3.png", "test/4.png")
    for split, name, label in (("valid", "3", 0), ("test", "4", 1)):
        values = ", ".join((no, yes) if label else (yes, no))
        table(tmp_path, f"filename, cat, dog\n{name}.png, {values}\n", f"{split}/_classes.csv")
    text = f"filename, cat, dog\n1.png, {yes}, {no}\n2.png, {no}, {yes}\n"
    table(tmp_path, text, "train/_classes.csv")
    listing = listed(tmp_path)
    assert rows(listing) == {"train/1.png": "cat", "train/2.png": "dog"}
    assert rows(listing, "validation") == {"valid/3.png": "cat"}
    assert rows(listing, "test") == {"test/4.png": "dog"}
    assert "train/_classes.csv: the columns cat, dog are taken for classes" in listing.remarks


def test_columns_of_ones_beside_a_label_are_no_classes(tmp_path):
    images(tmp_path, "1.png", "2.png")
    table(tmp_path, "file,label,seen,kept\n1.png,x,1,0\n2.png,y,1,1\n")
    assert rows(listed(tmp_path)) == {"1.png": "x", "2.png": "y"}


def test_measurements_are_no_classes(tmp_path):
    names = [f"{i}.png" for i in range(30)]
    images(tmp_path, *names)
    table(tmp_path, "file,score\n" + "".join(f"{n},{i / 7:.3f}\n" for i, n in enumerate(names)))
    with pytest.raises(UserError, match=r"30 of 30 labels stand on one image alone, as '0.000'"):
        listed(tmp_path)
