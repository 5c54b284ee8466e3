"""The confusion matrix of an emotion judge, from the calls that per_clip.csv keeps."""

from dataclasses import replace
from pathlib import Path

from reports.confusion import confusions
from reports.load import load
from reports.rank import rank
from tests.reports.made_up import make


def test_each_clip_counts_once_in_the_line_of_its_label(tmp_path: Path) -> None:
    run = load(make(tmp_path / "run"))
    assert confusions(run, rank(run)) == []
    judged = run.per_clip["metric"] == "emotion_accuracy"
    per_clip = run.per_clip.copy()
    per_clip.loc[judged, "detail"] = "happy"
    told = replace(run, per_clip=per_clip)
    found = confusions(told, rank(told))
    assert found
    for matrix in found:
        clips = run.clips["emotion"].value_counts()
        assert matrix.called[matrix.labels.index("happy")] == "happy"
        for label, line in zip(matrix.labels, matrix.counts, strict=True):
            assert sum(line) == line[matrix.called.index("happy")] == clips[label]
        assert matrix.share(0, matrix.called.index("happy")) == 100
