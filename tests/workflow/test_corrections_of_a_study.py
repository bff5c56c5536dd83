"""Label issues of a finished study, and a study that is trained again with corrected labels."""

import pandas as pd

from dsd2.files.issue_records import LABEL_ISSUES
from dsd2.files.records import STUDY, read_table

ISSUES = "results/studies/tiny/label_issues"


def test_labels_are_judged_without_a_training_and_corrected_by_an_edited_table(finished):
    checkpoints, data = finished.checkpoints(), finished.modified("results/[dl]*/*.[sp]*")
    text = finished.snakemake("label_issues")
    assert finished.done(text) == {"label_scores": 3, "find_label_issues": 3, "label_issues": 1}
    assert "What looks wrong to the networks of gated:" in text
    assert finished.checkpoints() == checkpoints
    assert finished.modified("results/[dl]*/*.[sp]*") == data
    for arm in ("vanilla", "student", "gated"):
        table = read_table(finished.folder / ISSUES / f"{arm}.parquet", LABEL_ISSUES)
        assert table.num_rows == 120 + 50 + 100
    assert finished.planned() == {}

    # What was scored stays so, whatever happens to the networks.
    gone = next(finished.folder.glob("results/runs/*/iter-03/checkpoint.safetensors"))
    gone.rename(gone.with_name("elsewhere"))
    assert finished.planned("label_issues") == {}
    gone.with_name("elsewhere").rename(gone)

    edited = pd.read_csv(finished.folder / ISSUES / "vanilla.csv", dtype=str)
    train = edited["split"] == "train"
    edited.loc[train & (edited["rank"].astype(int) <= 5), "action"] = "drop"
    edited.loc[train & (edited["rank"].astype(int) == 6), "action"] = "relabel"
    edited.to_csv(finished.folder / "edited.csv", index=False)
    arms = {
        "vanilla": None,
        "mine": {"dataset": {"corrections": "edited.csv"}},
        "theirs": {"dataset": {"corrections": {"arm": "vanilla", "action": "relabel"}}},
    }
    finished.configure(arms=arms, tables=["phases"], figure=False)
    text = finished.snakemake()
    assert "mine: corrections leave out 5 training images and change 1 labels" in text
    done = finished.done(text)
    assert (done["labels"], done["train"]) == (2, 8)
    assert "label_scores" not in done, "those of vanilla are there"
    rows = read_table(finished.folder / "results/studies/tiny/metrics.parquet", STUDY).to_pylist()
    counts = {(r["arm"], r["train_images"], r["dropped"], r["relabelled"]) for r in rows}
    ours, theirs, vanilla = sorted(counts, key=lambda row: row[0])
    assert ours == ("mine", 115, 5, 1)
    assert theirs[:3] == ("theirs", 120, 0)
    assert theirs[3] > 0
    assert vanilla == ("vanilla", 120, None, None)
    assert finished.checkpoints().items() >= checkpoints.items()
    assert finished.planned() == {}
