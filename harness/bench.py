"""The project's performance tables, for anyone to run: `python -m harness.bench metrics | data | generation`.

`metrics` compares each metric with its public peer (metrics/bench); `data` measures the training loader on
prepared shards beside reading H.264 at random access (`bench_data`); `generation` measures how fast each
method makes frames, how late the first one is, and memory (methods/bench). Nothing is imported before the
libraries that read their number of threads when they are loaded are told: one.
"""

import os
import sys
from importlib import import_module

TABLES = {
    "metrics": "metrics.bench.table",
    "data": "harness.bench_data",
    "generation": "methods.bench.generation",
    "workers": "harness.bench_workers",
    "sweep": "harness.bench_sweep",
}
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def main(arguments: list[str]) -> int:
    """Print a table and return its exit code; 2 for a table that there is not."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if not arguments or arguments[0] not in TABLES:
        print(f"usage: python -m harness.bench {{{','.join(TABLES)}}} [NAME ...] [--help]", file=sys.stderr)
        return 2
    os.environ.update(ONE_THREAD)
    code: int = import_module(TABLES[arguments[0]]).main(arguments[1:])
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
