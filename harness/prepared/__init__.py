"""Prepared clips as files, one format everywhere: a WebDataset sample, alone in the store or many to a shard.

A sample is four members of a tar, one after the other, named by the clip's id (`tars.key`):
    json  labels, sizes, frame rate, face policy, SHA-256 of the source files
    npz   landmarks, boxes, head pose, masks (`arrays`)
    wav   mono 16 kHz float32; left out for a silent clip
    avi   the crops, lossless (`crops`), 25 frames/s
So whatever reads a clip (a method, a metric, PyTorch's webdataset, Ray Data, tar itself) sees the same bytes,
and a number made from a shard equals one made from the footage.

`tars` writes and reads samples, `crops` codes pictures, `index` is the Parquet table beside the shards,
`place` is where they lie, `command` is `python -m harness.data prepare`.
"""
