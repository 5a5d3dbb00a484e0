"""The scenarios, one file each: `run(bench)` measures it and gives the figures to `bench.add`."""
